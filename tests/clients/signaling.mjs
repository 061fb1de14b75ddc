// AWS's unchanged JS SignalingClient, as MASTER or VIEWER: node --experimental-websocket signaling.mjs ROLE CHANNEL [CLIENT_ID]
import { KinesisVideo } from "@aws-sdk/client-kinesis-video";
import { KinesisVideoSignaling } from "@aws-sdk/client-kinesis-video-signaling";
import webrtc from "amazon-kinesis-video-streams-webrtc";

const [role, channelName, clientId] = process.argv.slice(2);
const say = (what) => console.log(JSON.stringify(what));

const video = new KinesisVideo();
const { ChannelInfo } = await video.describeSignalingChannel({ ChannelName: channelName });
const channelARN = ChannelInfo.ChannelARN;
const { ResourceEndpointList } = await video.getSignalingChannelEndpoint({
  ChannelARN: channelARN,
  SingleMasterChannelEndpointConfiguration: { Protocols: ["WSS", "HTTPS"], Role: role },
});
const endpoints = Object.fromEntries(ResourceEndpointList.map((each) => [each.Protocol, each.ResourceEndpoint]));
const signaling = new KinesisVideoSignaling({ endpoint: endpoints.HTTPS });
const { IceServerList } = await signaling.getIceServerConfig({ ChannelARN: channelARN });
say({ iceServers: IceServerList.length });

const client = new webrtc.SignalingClient({
  channelARN,
  channelEndpoint: endpoints.WSS,
  role: webrtc.Role[role],
  clientId,
  region: process.env.AWS_REGION,
  credentials: await video.config.credentials(),
});
client.on("error", (error) => {
  say({ error: String(error.message ?? error) });
  process.exit(1);
});
client.on("statusResponse", (status) => say({ refused: status.errorType }));
client.on("open", () => {
  say({ open: role });
  if (role === "VIEWER") {
    client.sendSdpOffer({ type: "offer", sdp: `offer of ${clientId}` });
    client.sendIceCandidate({ candidate: `candidate of ${clientId}`, sdpMid: "0", sdpMLineIndex: 0 });
  }
});
client.on("sdpOffer", (offer, from) => {
  say({ offer: offer.sdp, from });
  client.sendSdpAnswer({ type: "answer", sdp: `answer to ${from}` }, from);
  client.sendIceCandidate({ candidate: "candidate of the camera", sdpMid: "0", sdpMLineIndex: 0 }, from);
});
client.on("sdpAnswer", (answer) => say({ answer: answer.sdp }));
client.on("iceCandidate", (candidate, from) => {
  say({ candidate: candidate.candidate, ...(from ? { from } : {}) });
  client.close();
});
client.on("close", () => say({ closed: role }));
client.open();
