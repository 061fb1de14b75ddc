from .connection_form import connection as connection
from .console_view import console as console
from .create_form import create_channel as create_channel
from .delete_form import delete_channel as delete_channel
from .endpoints_form import get_endpoints as get_endpoints
from .plan_form import plan as plan
from .tags_form import edit_tags as edit_tags
from .update_form import update_channel as update_channel
