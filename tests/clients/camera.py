"""With boto3 only: create a channel, get its endpoints and its ICE servers."""

import json

import boto3

video = boto3.client("kinesisvideo")
arn = video.create_signaling_channel(ChannelName="front-door")["ChannelARN"]
endpoints = video.get_signaling_channel_endpoint(
    ChannelARN=arn, SingleMasterChannelEndpointConfiguration={"Protocols": ["WSS", "HTTPS"], "Role": "MASTER"}
)["ResourceEndpointList"]
addresses = {endpoint["Protocol"]: endpoint["ResourceEndpoint"] for endpoint in endpoints}
signaling = boto3.client("kinesis-video-signaling", endpoint_url=addresses["HTTPS"])
servers = signaling.get_ice_server_config(ChannelARN=arn)["IceServerList"]
uris = [uri for server in servers for uri in server["Uris"]]
print(json.dumps({"endpoints": sorted(addresses), "uris": uris}))  # noqa: T201 - what it is for
