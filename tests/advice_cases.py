"""What messages advise: Python that fails with a message, and Python that follows it; and the tests that do so elsewhere.

The Python runs in the namespace of tests/test_followed_advice.py, in a folder of its own.
"""

from __future__ import annotations

from typing import NamedTuple


class Advice(NamedTuple):
    """Python that fails, and Python that follows the message: ``message``, of which ``shown()`` is the first call."""

    fail: str
    follow: str


CASES = {
    # aws
    "Pass connection= for that account and region": Advice(
        "kvs.describe_channel(gate, connection=other)",
        "kvs.describe_channel(gate, connection=sandbox.connection())",
    ),
    "Pass what kvs.connect() returns, or omit it to use the current one": Advice(
        "kvs.describe_channel('gate', connection='eu-west-1')",
        "kvs.describe_channel('gate', connection=sandbox.connection()); kvs.describe_channel('gate')",
    ),
    "kvs.use_sandbox() needs no profile": Advice(
        "kvs.connect('gone')",
        "use(kvs.use_sandbox())",
    ),
    "without a network, kvs.use_sandbox() starts": Advice(
        "kvs.list_channels(connection=unreachable)",
        "use(kvs.use_sandbox())",
    ),
    "call again, after sandbox.faults.clear()": Advice(
        "sandbox.faults.add('ListSignalingChannels', 'reset', times=None); kvs.list_channels()",
        "sandbox.faults.clear(); kvs.list_channels()",
    ),
    "Check the name and the region with list_channels()": Advice(
        "kvs.describe_channel('gaet')",
        "kvs.describe_channel(kvs.list_channels().iloc[0])",
    ),
    "Pass the version that describe_channel() returns": Advice(
        "kvs.update_channel(gate.assign(version='a b'), message_ttl_seconds=5)",
        "kvs.update_channel(kvs.describe_channel('gate'), message_ttl_seconds=5)",
    ),
    'as in client_id="lobby-tablet"': Advice(
        "kvs.sign_url('gate')",
        "kvs.sign_url('gate', client_id='lobby-tablet')",
    ),
    "Omit client_id=": Advice(
        "kvs.sign_url('gate', role='MASTER', client_id='a')",
        "kvs.sign_url('gate', role='MASTER')",
    ),
    # channels
    "whether it took effect": Advice(
        "sandbox.faults.add('CreateSignalingChannel', 'reset', times=3); kvs.create_channel('new')",
        "try: eval(shown())\nexcept errors.ChannelNotFound: kvs.create_channel('new')",
    ),
    "or check the existing channel with describe_channel()": Advice(
        "sandbox.faults.add('CreateSignalingChannel', 'error'); kvs.create_channel('gate', message_ttl_seconds=30)",
        "assert kvs.describe_channel('gate')['message_ttl_seconds'].item() == 60; kvs.create_channel('another')",
    ),
    "kvs.plans.set_message_ttl(channels, {})": Advice(
        "kvs.update_channel(fleet, message_ttl_seconds=90)",
        "channels = fleet; eval(shown())",
    ),
    "kvs.plans.tag(channels, {})": Advice(
        "kvs.tag_channel(fleet, {'Env': 'prod'})",
        "channels = fleet; eval(shown())",
    ),
    "kvs.plans.tag(channels, remove={})": Advice(
        "kvs.untag_channel(fleet, ['Site'])",
        "channels = fleet; eval(shown())",
    ),
    "Pass a name, an ARN, or a row of list_channels()": Advice(
        "kvs.describe_channel(7)",
        "kvs.describe_channel(kvs.list_channels().iloc[0])",
    ),
    "Pass a row returned by list_channels()": Advice(
        "kvs.describe_channel(gate[['channel_name']])",
        "kvs.describe_channel(kvs.list_channels().iloc[0])",
    ),
    "Pass a row as list_channels() returns it": Advice(
        "kvs.describe_channel(gate.assign(region='eu-west-1'))",
        "kvs.describe_channel(kvs.list_channels().iloc[0])",
    ),
    "Pass the tags of one channel, as list_tags() returns them": Advice(
        "kvs.tag_channel('gate', fleet)",
        "kvs.tag_channel('gate', kvs.list_tags('roof')); kvs.tag_channel('gate', kvs.list_channels('roof', tags=True))",
    ),
    "were not read. Read them with list_tags()": Advice(
        "kvs.tag_channel('gate', kvs.list_channels('roof', tags=True).assign(tags_source='failed'))",
        "kvs.tag_channel('gate', kvs.list_tags('roof'))",
    ),
    "Increase timeout=": Advice(
        "kvs.create_channel('slow', wait=False); kvs.wait_for_channel('slow', 'DELETED', timeout=1)",
        "kvs.delete_channel('slow'); kvs.wait_for_channel('slow', 'DELETED', timeout=60)",
    ),
    # cli
    "pass --confirm {}": Advice(
        "kvs.plans.tag(fleet, {'Env': 'prod'}).save('plan'); run('apply plan')",
        "line = re.search('pass (--confirm \\'[^\\']*\\')', message)[1]; assert run(f'apply plan {line}') == 0",
    ),
    "To allow changes: add --allow-changes": Advice(
        "patch.setattr('kvs_notebook.aws.identity.SANDBOX_USER', 'another');"
        "plan = kvs.plans.tag(fleet, {'Env': 'prod'})\nplan.save('plan');"
        "run(f'apply plan --confirm {plan.confirmation!r}')",
        "assert run(f'apply plan --confirm {plan.confirmation!r} --allow-changes') == 0",
    ),
    "--sandbox cannot be combined with --profile, --region or --allow-changes": Advice(
        "run('console x --sandbox --region us-east-1')",
        "check('console x --sandbox'); check('console x --region us-east-1')",
    ),
    "kvs-notebook console FOLDER": Advice(
        "Path('taken').touch(); run('console taken/below')",
        "check('console free')",
    ),
    "kvs-notebook lab FOLDER": Advice(
        "Path('taken').touch(); run('lab taken/below')",
        "check('lab free')",
    ),
    "--sandbox and --profile can't be combined": Advice(
        "run('inventory --sandbox --profile sandbox')",
        "run('inventory --profile sandbox'); check('inventory --sandbox')",
    ),
    "--region and --all-regions can't be combined": Advice(
        "run('inventory --region us-east-1 --all-regions')",
        "run('inventory --region us-east-1'); check('inventory --all-regions')",
    ),
    "--quiet and --table can't be combined": Advice(
        "run('inventory --quiet --table')",
        "run('inventory --quiet'); run('inventory --table')",
    ),
    "--prefix can't be combined with --compare or --snapshot": Advice(
        "run('inventory --prefix ga --snapshot days')",
        "run('inventory --prefix ga'); run('inventory --snapshot days')",
    ),
    "--role-name needs --accounts, the file of": Advice(
        "run('inventory --role-name Reader')",
        "Path('accounts.csv').write_text('account_id\\n444455556666\\n');"
        "run('inventory --role-name Reader --accounts accounts.csv')",
    ),
    "--require needs tags. Remove --no-tags": Advice(
        "run('inventory --require Site --no-tags')",
        "assert run('inventory --require Site') == 0",
    ),
    "--changes needs --compare, the directory": Advice(
        "run('inventory --changes changes.csv')",
        "run('inventory --snapshot days');run('inventory --changes changes.csv --compare days --snapshot days')",
    ),
    "but --changes writes CSV. End it with .csv": Advice(
        "run('inventory --snapshot days --compare days --changes changes.xlsx')",
        "run('inventory --snapshot days --compare days --changes changes.csv')",
    ),
    "Write it with --excel {}": Advice(
        "run('inventory --csv fleet.xlsx')",
        "run('inventory --excel fleet.xlsx')",
    ),
    "List its values in one: --require {}=A,B": Advice(
        "run('inventory --require Site=hq --require Site=annex')",
        "run('inventory --require Site=hq,annex')",
    ),
    "Save one with --snapshot {}": Advice(
        "os.mkdir('days'); assert run('inventory --compare days') == 1; raise_output()",
        "run('inventory --snapshot days'); run('inventory --compare days')",
    ),
    "--sandbox can't be combined with --profile or --region": Advice(
        "run('picture gate --sandbox --profile sandbox -o a.jpg')",
        "check('picture gate --sandbox -o a.jpg')",
    ),
    "--sandbox creates the channel": Advice(
        "run(f'picture {arn} --sandbox -o a.jpg')",
        "check('picture gate --sandbox -o a.jpg')",
    ),
    "Add --set KEY=VALUE, --rename OLD=NEW or --remove KEY": Advice(
        "kvs.to_csv(fleet, 'fleet.csv'); run('plan tags fleet.csv')",
        "for given in ('--set Env=prod', '--rename Site=Place', '--remove Site'): run(f'plan tags fleet.csv {given}')",
    ),
    "Export {} again to plan them too": Advice(
        "kvs.to_csv(fleet.assign(tags_source=['bulk', 'failed']), 'fleet.csv');"
        "run('plan ttl fleet.csv 90 --where Site=hq'); raise_output()",
        "run('inventory --csv fleet.csv'); run('plan ttl fleet.csv 90 --where Site=hq');"
        "assert '--where leaves' not in output()",
    ),
    "--trust can be combined with --external-id and --region only": Advice(
        "run('policy --trust 111122223333 --read-only')",
        "run('policy --trust 111122223333 --external-id some-id --region us-east-1')",
    ),
    "--external-id needs --trust": Advice(
        "run('policy --external-id some-id')",
        "run('policy --external-id some-id --trust 111122223333')",
    ),
    # dataframes
    "Read it with kvs.read_excel()": Advice(
        "kvs.to_excel(fleet, 'a.xlsx'); os.rename('a.xlsx', 'a.csv'); kvs.read_csv('a.csv')",
        "os.rename('a.csv', 'a.xlsx'); kvs.read_excel('a.xlsx')",
    ),
    "Write a .xlsx file with to_excel(), or a .csv file with to_csv()": Advice(
        "kvs.to_csv(fleet, 'a.xlsx')",
        "kvs.to_excel(fleet, 'a.xlsx'); kvs.to_csv(fleet, 'a.csv')",
    ),
    "or read its file with kvs.read_csv() or kvs.read_excel()": Advice(
        "kvs.to_csv(fleet, 'a.csv'); kvs.reports.channel_ages(pd.read_csv('a.csv'))",
        "kvs.reports.channel_ages(kvs.read_csv('a.csv')); kvs.to_excel(fleet, 'a.xlsx');"
        "kvs.reports.channel_ages(kvs.read_excel('a.xlsx'))",
    ),
    "Pass a frame returned by list_tags(), without rows of your own": Advice(
        "kvs.pivot_tags(kvs.list_tags(fleet).assign(key=None).astype({'key': 'str'}))",
        "kvs.pivot_tags(kvs.list_tags(fleet))",
    ),
    "Read another program's file with pandas.{}(path, dtype='str')": Advice(
        "Path('a.csv').write_text('device,serial\\nx,007\\n'); kvs.read_csv('a.csv')",
        "assert pd.read_csv('a.csv', dtype='str')['serial'].item() == '007'",
    ),
    "or write another file with to_csv()": Advice(
        "kvs.to_excel(fleet, 'a.csv')",
        "kvs.to_csv(fleet, 'a.csv')",
    ),
    "Write it with to_parquet() or to_json()": Advice(
        "kvs.to_excel(pd.DataFrame({'x': ['y' * 40_000]}), 'a.xlsx')",
        "kvs.to_parquet(pd.DataFrame({'x': ['y' * 40_000]}), 'a.parquet');"
        "kvs.to_json(pd.DataFrame({'x': ['y' * 40_000]}), 'a.json')",
    ),
    "Read a CSV file with kvs.read_csv()": Advice(
        "kvs.to_csv(fleet, 'a.csv'); kvs.read_excel('a.csv')",
        "kvs.read_csv('a.csv')",
    ),
    # fleet
    "Pass profiles=, role_arns= or accounts= that name it": Advice(
        "plan = kvs.plans.tag(kvs.list_channels(tags=True, connection=other), {'Env': 'prod'})\n"
        "kvs.apply_plan(plan, 'plan', confirm=plan.confirmation).raise_for_failures()",
        "kvs.apply_plan(plan, 'plan2', confirm=plan.confirmation, role_arns=[role]).raise_for_failures()",
    ),
    "role_name= needs accounts=": Advice(
        "kvs.inventory(role_name='Reader')",
        "kvs.inventory(role_name='Reader', accounts=pd.DataFrame({'account_id': ['444455556666']}))",
    ),
    "to assume a role of one name in each account, pass role_name=": Advice(
        "kvs.inventory(accounts=pd.DataFrame({'account_id': ['444455556666']}))",
        "kvs.inventory(role_name='Reader', accounts=pd.DataFrame({'account_id': ['444455556666']}))",
    ),
    "Pass one with the columns account_id and role_arn or profile, or pass profiles=[...] or role_arns=[...]": Advice(
        "kvs.inventory(accounts=[role])",
        "kvs.inventory(role_arns=[role]);"
        "kvs.inventory(accounts=pd.DataFrame({'account_id': ['444455556666'], 'role_arn': [role]}))",
    ),
    "or increase unit_timeout=": Advice(
        "sandbox.faults.add('ListSignalingChannels', 'delay', seconds=1);"
        "kvs.inventory(unit_timeout=0.1).raise_for_failures()",
        "kvs.inventory(unit_timeout=60).raise_for_failures()",
    ),
    "Save one each day with save_snapshot()": Advice(
        "kvs.save_snapshot(kvs.inventory(), 'days', date='2026-01-05'); kvs.compare_snapshots('days')",
        "kvs.save_snapshot(kvs.inventory(), 'days', date='2026-01-06'); kvs.compare_snapshots('days')",
    ),
    "Connect with a profile, as in kvs.connect": Advice(
        "kvs.inventory(executor=executor, connection=sandbox.connection())",
        "set_variables(); kvs.inventory(executor=executor, connection=kvs.connect('sandbox')).raise_for_failures()",
    ),
    "Pass regions='all' by itself": Advice(
        "kvs.inventory(regions=['all', 'us-east-1'])",
        "kvs.inventory(regions='all')",
    ),
    "write_report() was given a {}": Advice(
        "kvs.write_report(fleet, 'report.html')",
        "kvs.write_report(kvs.inventory(), 'report.html')",
    ),
    "list_channels() or inventory()": Advice(
        "kvs.reports.channel_counts(kvs.list_tags('gate'))",
        "kvs.reports.channel_counts(kvs.list_channels()); kvs.reports.channel_counts(kvs.inventory())",
    ),
    "but the quota counts all. Read one without prefix=": Advice(
        "kvs.reports.headroom(kvs.inventory(prefix='ga'))",
        "kvs.reports.headroom(kvs.inventory())",
    ),
    "Pass an Inventory, or list_channels(tags={})": Advice(
        "kvs.reports.tag_problems(kvs.list_channels(), {'Site': None})",
        "kvs.reports.tag_problems(kvs.inventory(), {'Site': None});"
        "kvs.reports.tag_problems(kvs.list_channels(tags=['Site']), {'Site': None})",
    ),
    "save_snapshot() was given a {}": Advice(
        "kvs.save_snapshot(fleet, 'days')",
        "kvs.save_snapshot(kvs.inventory(), 'days')",
    ),
    "has no snapshot (date=YYYY-MM-DD). Save one with save_snapshot()": Advice(
        "os.mkdir('days'); kvs.read_snapshots('days')",
        "kvs.save_snapshot(kvs.inventory(), 'days'); kvs.read_snapshots('days')",
    ),
    "so the others would {}. Read one without prefix=": Advice(
        "kvs.save_snapshot(kvs.inventory(prefix='ga'), 'days')",
        "kvs.save_snapshot(kvs.inventory(), 'days')",
    ),
    "Create it with save_snapshot()": Advice(
        "kvs.read_snapshots('nowhere')",
        "kvs.save_snapshot(kvs.inventory(), 'nowhere'); kvs.read_snapshots('nowhere')",
    ),
    # forms, live
    "pass a name, an ARN or one row of list_channels()": Advice(
        "kvs.forms.update_channel(fleet)",
        "for channel in ('gate', arn, kvs.list_channels().iloc[0]): kvs.forms.update_channel(channel).future.result(20)",
    ),
    "It belongs to the connection: pass connection={}": Advice(
        "set_variables(); kvs.list_channels(share=0.5)",
        "kvs.list_channels(connection=eval(shown())); eval(shown()); kvs.list_channels()",
    ),
    "pass connection=kvs.current_connection().in_region({})": Advice(
        "kvs.list_channels(region='eu-west-1')",
        "assert len(kvs.list_channels(connection=kvs.current_connection().in_region('eu-west-1'))) == 0",
    ),
    "Pass those of watch_channel()": Advice(
        "kvs.diagrams.lifecycle(5)",
        "kvs.diagrams.lifecycle(kvs.watch_channel('gate'))",
    ),
    "What is read is chosen before: kvs.inventory({}={})": Advice(
        "kvs.reports.channel_counts(fleet, region='eu-west-1')",
        "kvs.reports.channel_counts(kvs.inventory(regions=['eu-west-1']))",
    ),
    # plans
    "pass confirm={}": Advice(
        "plan = kvs.plans.tag(fleet, {'Env': 'prod'}); kvs.apply_plan(plan, 'plan')",
        "kvs.apply_plan(plan, 'plan', confirm=re.search('pass confirm=\\'([^\\']*)\\'', message)[1]).raise_for_failures()",
    ),
    "Pass a plan, such as kvs.plans.read(folder)": Advice(
        "kvs.plans.tag(fleet, {'Env': 'prod'}).save('plan'); kvs.apply_plan('plan', 'plan')",
        "plan = kvs.plans.read('plan'); kvs.apply_plan(plan, 'plan', confirm=plan.confirmation)",
    ),
    "To continue it: kvs.resume_plan({})": Advice(
        "plan = kvs.plans.tag(fleet, {'Env': 'prod'})\n"
        "for _ in range(2): kvs.apply_plan(plan, 'plan', confirm=plan.confirmation)",
        "eval(shown())",
    ),
    "Apply it with kvs.apply_plan(plan, {}, confirm=plan.confirmation)": Advice(
        "plan = kvs.plans.tag(fleet, {'Env': 'prod'}); plan.save('plan'); kvs.resume_plan('plan')",
        "eval(shown()); kvs.resume_plan('plan')",
    ),
    "Pass tags to set, rename= or remove=": Advice(
        "kvs.plans.tag(fleet)",
        "kvs.plans.tag(fleet, {'Env': 'prod'}); kvs.plans.tag(fleet, rename={'Site': 'Place'});"
        "kvs.plans.tag(fleet, remove=['Site'])",
    ),
    "Read the file with kvs.read_csv(), which keeps zeros and dates": Advice(
        "kvs.plans.tag(fleet.assign(**{'tag:Serial': 7}), {'Env': 'prod'})",
        "kvs.to_csv(fleet.assign(**{'tag:Serial': '007'}), 'a.csv');"
        "kvs.plans.tag(kvs.read_csv('a.csv'), {'Env': 'prod'})",
    ),
    "list_channels(tags=True) or inventory()": Advice(
        "kvs.plans.tag(fleet[['channel_name']], {'Env': 'prod'})",
        "kvs.plans.tag(kvs.list_channels(tags=True), {'Env': 'prod'}); kvs.plans.tag(kvs.inventory(), {'Env': 'prod'})",
    ),
    "pass max_delete={}": Advice(
        "plan = kvs.plans.delete(gate); kvs.apply_plan(plan, 'plan', confirm=plan.confirmation, max_share=1)",
        "kvs.apply_plan(plan, 'plan', confirm=plan.confirmation, max_share=1, max_delete=1).raise_for_failures()",
    ),
    "pass max_share={}": Advice(
        "plan = kvs.plans.delete(gate);"
        "kvs.apply_plan(plan, 'plan', confirm=plan.confirmation, max_delete=1).raise_for_failures()",
        "share = float(re.search('pass max_share=([0-9.]*[0-9])', message)[1]);"
        "kvs.apply_plan(plan, 'plan2', confirm=plan.confirmation, max_delete=1, max_share=share).raise_for_failures()",
    ),
    "kvs.plans.read_terraform() or kvs.plans.read_cloudformation()": Advice(
        "kvs.plans.mark_managed(fleet, kvs.list_tags('gate'))",
        "Path('a.json').write_text('{\"StackResources\": []}');"
        "kvs.plans.mark_managed(fleet, kvs.plans.read_cloudformation('a.json'))",
    ),
    "Save one with plan.save({})": Advice(
        "kvs.plans.read('plan')",
        "kvs.plans.tag(fleet, {'Env': 'prod'}).save('plan'); kvs.plans.read('plan')",
    ),
    "Write it again with to_parquet()": Advice(
        "Path('a.parquet').write_text('x'); kvs.plans.from_sheet(fleet, original='a.parquet')",
        "kvs.to_parquet(fleet, 'a.parquet'); kvs.plans.from_sheet(fleet, original='a.parquet')",
    ),
    "Pass a frame of list_channels(tags=True), or an inventory with tags": Advice(
        "raise_refusals(kvs.plans.tag(kvs.list_channels(), {'Env': 'prod'}))",
        "raise_refusals(kvs.plans.tag(kvs.list_channels(tags=True), {'Env': 'prod'}));"
        "raise_refusals(kvs.plans.tag(kvs.inventory(), {'Env': 'prod'}))",
    ),
    "Its message_ttl_seconds was not read. Pass a frame of list_channels(tags=True)": Advice(
        "raise_refusals(kvs.plans.set_message_ttl(fleet.drop(columns='message_ttl_seconds'), 90))",
        "raise_refusals(kvs.plans.set_message_ttl(kvs.list_channels(tags=True), 90))",
    ),
    "To create a channel, plan it with plans.ensure()": Advice(
        "sheet = pd.DataFrame({'channel_name': ['new'], 'channel_arn': ['']}).astype('str');"
        "raise_refusals(kvs.plans.from_sheet(sheet, original=fleet))",
        "raise_refusals(kvs.plans.ensure(pd.DataFrame({'channel_name': ['new']}), fleet))",
    ),
    "{} {} is {} in {}. Pass the export that the sheet was made": Advice(
        "newer = fleet.assign(version='other');"
        "raise_refusals(kvs.plans.from_sheet(fleet.assign(message_ttl_seconds=90), original=newer))",
        "raise_refusals(kvs.plans.from_sheet(fleet.assign(message_ttl_seconds=90), original=fleet))",
    ),
    "Account {} is not in {}. Pass the export that the sheet was made": Advice(
        "export = kvs.list_channels(tags=True, connection=other);"
        "raise_refusals(kvs.plans.from_sheet(export.assign(message_ttl_seconds=90), original=fleet))",
        "raise_refusals(kvs.plans.from_sheet(export.assign(message_ttl_seconds=90), original=export))",
    ),
    # plotting, sandbox
    "There is no day to draw. Save a snapshot with save_snapshot()": Advice(
        "kvs.charts.growth(kvs.reports.growth(kvs.inventory().coverage.iloc[:0].assign(date=pd.Series(dtype='datetime64[s]'))))",
        "kvs.save_snapshot(kvs.inventory(), 'days'); kvs.charts.growth(kvs.reports.growth(kvs.read_coverage('days')))",
    ),
    "or omit port= to take a free one": Advice(
        "kvs.Sandbox(port=int(sandbox.endpoint_url.rpartition(':')[2]))",
        "use(kvs.Sandbox())",
    ),
    "Move sandbox.sqlite away to start with an empty sandbox, or pass another directory as state=": Advice(
        "os.mkdir('state', 0o700); Path('state/sandbox.sqlite').write_text('x' * 1_000); kvs.Sandbox('state')",
        "use(kvs.Sandbox(state='other')); os.rename('state/sandbox.sqlite', 'aside');use(kvs.Sandbox('state'))",
    ),
    "or None to keep the state in memory": Advice(
        "Path('taken').touch(); kvs.Sandbox('taken')",
        "use(kvs.Sandbox(state='free')); use(kvs.Sandbox(None))",
    ),
    "End that process, or pass another state=": Advice(
        "from filelock import FileLock\nos.mkdir('state', 0o700);"
        "patch.setattr('kvs_notebook.sandbox.start.JOIN_TIMEOUT_SECONDS', 0.1)\n"
        "with FileLock('state/sandbox.lock'): kvs.Sandbox('state')",
        "use(kvs.Sandbox(state='other')); use(kvs.Sandbox('state'))",
    ),
    "or pass a directory on a local disk as state=": Advice(
        "def refuse(*_, **__): raise OSError(95, 'Operation not supported')\nwith patch.context() as remote:\n"
        "    remote.setattr('filelock.FileLock.acquire', refuse)\n    kvs.Sandbox('remote')",
        "use(kvs.Sandbox(state='local'))",
    ),
    # signaling
    "Call close() first, or open another client": Advice(
        "client = kvs.open_signaling('gate', client_id='a')\nasync def twice():\n"
        "    async with client: await client.open()\nasyncio.run(twice())",
        "async def again():\n    await client.open()\n    await client.close()\n    await client.open()\n"
        "    await client.close()\nasyncio.run(again())",
    ),
    "Leave recipient_client_id= out": Advice(
        "async def send(**to):\n"
        "    async with kvs.open_signaling('gate', client_id='a') as client: await client.send_offer('v=0', **to)\n"
        "asyncio.run(send(recipient_client_id='b'))",
        "asyncio.run(send())",
    ),
    "A MASTER needs recipient_client_id=": Advice(
        "async def answer(**to):\n"
        "    async with kvs.open_signaling('gate', role='MASTER') as client: await client.send_answer('v=0', **to)\n"
        "asyncio.run(answer())",
        "asyncio.run(answer(recipient_client_id='a'))",
    ),
    "Use it inside 'async with', or open() it": Advice(
        "client = kvs.open_signaling('gate', client_id='a'); asyncio.run(client.ping())",
        "async def ping():\n    await client.open()\n    await client.ping()\n    await client.close()\n"
        "asyncio.run(ping())",
    ),
}
"""By a part of the message; ``{}`` stands for what is filled in."""

ELSEWHERE = {
    "aws/test_broken_configurations.py::test_credentials_of_another_account_midway_send_nothing": [
        "Connect again with kvs.connect(), or switch the credentials back",
    ],
    "cli/test_main.py::test_word_of_the_field_suggests_an_existing_command": [
        "apply DIR --resume",
        "plan tags --remove KEY",
        "plan tags --set KEY=VALUE",
        "plan ttl for the message TTL",
        "inventory --compare DIR",
        "inventory --snapshot DIR",
        "inventory --report FILE",
        "inventory --csv FILE",
        "plan sheet with an edited file",
    ],
    "cli/test_inventory_command.py::test_every_profile_is_read_and_misspelt_one_is_a_gap": [
        "--profile was given {} times",
        "Several --profile can't be combined",
    ],
    "test_advice.py::test_line_of_unknown_account_finds_it": [
        "Call connection.identity() first",
    ],
    "test_advice.py::test_variables_of_unusable_keys_mend_them": [
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    ],
    "aws/test_credential_errors.py::test_any_provider_error_becomes_ours_in_one_line": [
        "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
    ],
    "aws/test_broken_configurations.py::test_repaired_configuration_works_without_restart": [
        "AWS_PROFILE names it",
        "Renew the credentials (for SSO",
    ],
    "test_advice.py::test_commands_and_options_that_messages_name_exist": [
        "aws configure export-credentials{} --format env",
    ],
    "aws/test_tls.py::test_untrusted_certificate_is_named_and_advice_helps": [
        "set AWS_CA_BUNDLE, or ca_bundle in the profile, to a file",
    ],
    "aws/test_tls.py::test_unusable_bundle_is_named": [
        "Set AWS_CA_BUNDLE, or ca_bundle in the profile, to a PEM file",
    ],
    "test_advice.py::test_waiting_mends_busy_and_deleting_channels": [
        'wait_for_channel(name, "DELETED")',
        "wait_for_channel() until it is ACTIVE",
    ],
    "test_advice.py::test_describing_again_mends_stale_version": [
        "call describe_channel() again",
    ],
    "test_advice.py::test_untagging_mends_too_many_tags": [
        "Remove tags with untag_channel()",
    ],
    "aws/test_rate_limit.py::test_calls_are_evenly_spaced_at_share_of_quota": [
        "lower the connection's share=",
    ],
    "test_advice.py::test_line_of_no_credentials_opens_sandbox": [
        "or try kvs.use_sandbox()",
    ],
    "test_advice.py::test_line_of_no_region_connects": [
        'kvs.connect(region="us-east-1"), or set AWS_REGION',
    ],
    "test_advice.py::test_line_of_stopped_sandbox_starts_another": [
        "Call kvs.use_sandbox() again (in a walkthrough",
    ],
    "test_advice.py::test_extras_that_messages_name_exist": [
        "pip install",
    ],
    "aws/test_credential_errors.py::test_expired_credentials_say_how_their_source_renews_them": [
        " --profile {}",
    ],
    "cli/test_apply_command.py::test_apply_then_undo_restores_the_fleet": [
        "kvs-notebook apply {} --confirm {}{}",
    ],
    "cli/test_apply_command.py::test_refused_credentials_exit_3_and_resume_finishes": [
        "kvs-notebook apply {} --resume",
    ],
    "cli/test_plan_command.py::test_delete_names_the_limit_to_raise": [
        " --max-delete {}",
    ],
    "cli/test_apply_command.py::test_wrong_phrase_is_a_usage_error_with_right_counts": [
        "--confirm is missing",
        "--confirm {} does not match",
    ],
    "cli/test_nightly_run.py::test_report_has_the_comparison_tags_and_growth": [
        "--report: {}",
    ],
    "cli/test_inventory_output.py::test_missing_required_tag_is_reported_and_exits_1": [
        "--require: {}",
    ],
    "cli/test_nightly_run.py::test_pipe_gets_the_first_gaps": [
        "NAME-coverage.csv, beside --csv",
    ],
    "cli/test_nightly_run.py::test_pipe_gets_first_rows_and_table_all": [
        "--report FILE names them",
        "--table prints all",
    ],
    "cli/test_nightly_run.py::test_changes_are_written_as_csv": [
        "--changes FILE",
    ],
    "cli/test_plan_command.py::test_tags_are_planned_saved_and_readable_at_80_columns": [
        "add -o DIR to save the plan",
    ],
    "forms/test_python_lines.py::test_line_of_a_form_does_the_same": [
        "sandbox = kvs.use_sandbox(); sandbox.seed()",
    ],
    "forms/test_python_lines.py::test_line_of_a_trial_connects": [
        "print(await client.ping())",
    ],
    "live/test_take_pictures.py::test_sheet_of_another_frame_is_refused": [
        "Pass a frame returned by kvs.live.take_pictures()",
    ],
    "plans/test_interrupted_runs.py::test_resume_settles_each_started_step_by_looking": [
        "kvs.resume_plan() ",  # which finds out
    ],
    "plans/test_apply.py::test_read_only_connection_names_line_that_allows_changes": [
        "kvs.apply_plan(plan, {}, confirm={}, allow_changes=True",
        "kvs.resume_plan({}, allow_changes=True)",
    ],
    "plans/test_apply.py::test_second_process_on_a_folder_is_refused": [
        "is being applied by another process",
    ],
    "plans/test_apply.py::test_full_disk_stops_sending_and_resume_finishes": [
        "Free space on its disk, then call kvs.resume_plan({})",
    ],
    "plans/test_plan_folder.py::test_journal_that_is_a_link_is_not_written": [
        "Replace it by a copy, then call kvs.resume_plan({})",
    ],
    "plans/test_apply.py::test_limits_name_the_value_that_allows_the_plan": [
        ", max_delete={}",
    ],
    "plans/test_managed.py::test_cloudformation_resources_name_their_channels": [
        "describe-stack-resources --output json",
    ],
    "cli/test_sandbox_command.py::test_sandbox_serves_on_its_port_until_signal_and_cleans_up": [
        "kvs-notebook sandbox",
    ],
    "sandbox/test_state_directory.py::test_request_on_a_full_disk_is_answered_and_changes_nothing": [
        "Check that its disk has free space",
    ],
    "sandbox/test_state_directory.py::test_directory_and_files_of_another_user_are_refused": [
        "Pass a directory of your own as state=",
        "belongs to another user (uid {}). Remove it",
    ],
    "sandbox/test_state_directory.py::test_directory_that_others_may_write_is_refused": [
        "Run: chmod 700 {}",
    ],
    "sandbox/test_state_directory.py::test_link_in_place_of_a_file_is_refused": [
        "which a sandbox does not follow. Remove it",
        "Replace it by a copy, or pass another directory as state=",
    ],
    "secret_scan/test_wrappings.py::test_command_in_summary_removes_all_secrets": [
        "jupyter nbconvert --clear-output --inplace",
    ],
}
"""Parts of messages, or of lines that they show, by the test that follows them."""
