// AWS's unchanged JS SignalingClient, in a browser: a viewer with a peer connection, whose text comes back over a data channel.
import { KinesisVideo } from "@aws-sdk/client-kinesis-video";
import { KinesisVideoSignaling } from "@aws-sdk/client-kinesis-video-signaling";
import { Role, SignalingClient } from "amazon-kinesis-video-streams-webrtc";

const onLoopback = (candidate) => candidate.candidate.includes(" 127.0.0.1 ");

async function endpointsOf(video, channelARN) {
  const { ResourceEndpointList } = await video.getSignalingChannelEndpoint({
    ChannelARN: channelARN,
    SingleMasterChannelEndpointConfiguration: { Protocols: ["WSS", "HTTPS"], Role: Role.VIEWER },
  });
  return Object.fromEntries(ResourceEndpointList.map((each) => [each.Protocol, each.ResourceEndpoint]));
}

window.call = async ({ endpoint, region, credentials, channelName, clientId }) => {
  const video = new KinesisVideo({ endpoint, region, credentials });
  const { ChannelInfo } = await video.describeSignalingChannel({ ChannelName: channelName });
  const channelARN = ChannelInfo.ChannelARN;
  const refused = await video.describeSignalingChannel({ ChannelName: "missing" }).catch((error) => error.name);
  const endpoints = await endpointsOf(video, channelARN);
  const ice = new KinesisVideoSignaling({ endpoint: endpoints.HTTPS, region, credentials });
  const { IceServerList } = await ice.getIceServerConfig({ ChannelARN: channelARN });

  const client = new SignalingClient({
    channelARN,
    channelEndpoint: endpoints.WSS,
    role: Role.VIEWER,
    clientId,
    region,
    credentials,
  });
  const connection = new RTCPeerConnection(); // no servers: both sides are on this machine
  const channel = connection.createDataChannel("echo");
  const echo = new Promise((resolve, reject) => {
    channel.onopen = () => channel.send(clientId);
    channel.onmessage = ({ data }) => resolve(data);
    client.on("error", reject);
    client.on("statusResponse", (status) => reject(new Error(status.errorType)));
  });
  client.on("open", async () => {
    await connection.setLocalDescription(await connection.createOffer());
    client.sendSdpOffer(connection.localDescription);
  });
  connection.onicecandidate = ({ candidate }) => {
    if (candidate && onLoopback(candidate)) client.sendIceCandidate(candidate);
  };
  client.on("sdpAnswer", (answer) => connection.setRemoteDescription(answer));
  client.on("iceCandidate", (candidate) => connection.addIceCandidate(candidate));
  client.open();
  try {
    return { refused, iceServers: IceServerList.length, heard: await echo };
  } finally {
    connection.close();
    client.close();
  }
};
