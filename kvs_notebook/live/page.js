// The page's side of a live view: the media, and what the user sees. The kernel does the signaling; see page_messages.py.

const TICK_MS = 1000;
const TICKS_PER_BEAT = 5; // the kernel ends a call after 20 s without one
const TICKS_UNTIL_STALLED = 3;
const VIEWLESS_MS = 3000; // a cell that runs again removes its view and shows another one
const BUSY_MS = 3000;
const FIRST_LOOK_MS = 200;
const CONNECT_MS = 30000; // a viewer without a usable candidate never counts as failed
const MAX_VIEWERS = 10;
const VIDEO_CODECS = ["VP8", "H264"]; // all codecs of a browser would fill the 10,000 characters that an offer may have
const AUDIO_CODECS = ["opus", "PCMU", "PCMA"];
const FINAL = ["stopped", "failed", "taken_over"];
const BAR_CODE_BITS = 16;

// The function is called once for each model, so that all views of a model in this page share one call.
export default () => {
  let page;
  return {
    initialize({ model }) {
      page = new Page(model);
      return () => page.dispose();
    },
    render({ el }) {
      return page.addView(el);
    },
  };
};

// --- the call of this page

class Page {
  constructor(model) {
    this.model = model;
    this.settings = model.get("_settings");
    this.call = "";
    this.state = "stopped";
    this.sentence = "Stopped.";
    this.line = "";
    this.media = null;
    this.views = new Set();
    this.kernelGone = false;
    this.listeners = [
      [model, "msg:custom", (content) => this.take(content)],
      [model, "comm_live_update", () => this.loseKernel()],
    ];
    for (const [target, name, listener] of this.listeners) target.on(name, listener);
    this.onPageHide = () => this.stop();
    window.addEventListener("pagehide", this.onPageHide);
  }

  dispose() {
    this.stop();
    for (const [target, name, listener] of this.listeners) target.off(name, listener);
    window.removeEventListener("pagehide", this.onPageHide);
  }

  addView(el) {
    clearTimeout(this.viewlessTimer);
    const view = new View(this, el);
    this.views.add(view);
    view.update();
    if (!this.call) this.send("hello");
    return () => {
      this.views.delete(view);
      if (!this.views.size) this.viewlessTimer = setTimeout(() => this.stop(), VIEWLESS_MS);
    };
  }

  send(kind, members = {}, buffers = []) {
    if (this.kernelGone) return;
    try {
      this.model.send({ kind, call: this.call, ...members }, undefined, buffers);
    } catch (error) {
      console.warn("The kernel cannot be reached:", error.message); // it was shut down with its notebook, which no event tells
      this.loseKernel();
    }
  }

  start(invitation = null) {
    this.stop();
    this.call = randomId();
    this.media = this.settings.role === "camera" ? new CameraMedia(this) : new ViewerMedia(this);
    this.ticks = 0;
    this.endTicks = startTicks(TICK_MS, () => this.tick());
    this.busyTimer = setTimeout(() => this.show("looking_up", "The kernel is busy; starting when its cell ends..."), BUSY_MS);
    this.show("looking_up", "Asking the kernel...");
    this.send("start", { invitation });
    if (typeof RTCPeerConnection === "undefined") this.fail("This browser has no WebRTC. Use another browser.");
  }

  stop() {
    if (!this.call) return;
    this.send("stop");
    this.release();
    this.show("stopped", "Stopped.");
  }

  release() {
    clearTimeout(this.busyTimer);
    this.endTicks?.();
    this.media?.close();
    this.media = null;
    this.call = "";
    this.line = "";
  }

  fail(reason) {
    this.send("state", { state: "failed", reason });
  }

  loseKernel() {
    this.kernelGone = true;
    this.release();
    this.show("stopped", "The kernel has stopped or restarted. Run the cell again.");
  }

  take(content) {
    if (content.kind === "invite") {
      if (this.views.size) this.start(content.invitation);
    } else if (content.kind === "state") {
      this.takeState(content);
    } else if (content.call === this.call && this.media) {
      this.media.take(content);
    }
  }

  takeState({ call, state, sentence }) {
    const ended = FINAL.includes(state);
    if (call === this.call) {
      clearTimeout(this.busyTimer);
      if (ended) this.release();
      this.show(state, sentence);
    } else if (!this.call) {
      this.show(ended ? state : "stopped", ended ? sentence : `In another page: ${sentence}`);
    }
  }

  show(state, sentence) {
    this.state = state;
    this.sentence = sentence;
    this.updateViews();
  }

  updateViews() {
    for (const view of this.views) view.update();
  }

  async tick() {
    const { call, media } = this;
    const rows = await media.measure();
    if (call !== this.call) return;
    this.line = rows.length > 1 ? `${rows.length} viewers, the first: ${describe(rows[0])}` : rows.map(describe).join("");
    if (this.ticks % TICKS_PER_BEAT === 0) this.send("stats", { rows });
    this.ticks += 1;
    this.updateViews();
  }
}

// --- a viewer

class ViewerMedia {
  constructor(page) {
    this.page = page;
    this.player = playerOf(null); // decodes also if no view is on the screen
    this.player.addEventListener("loadeddata", () => this.report("playing"));
    this.queue = createQueue((error) => page.fail(`The browser failed: ${error.message}`));
  }

  get stream() {
    return this.player.srcObject;
  }

  take(content) {
    if (content.kind === "snapshot") return sendPicture(this.page, this.player, content.request);
    if (content.kind === "ready") this.queue(() => this.offer(content.servers));
    if (content.kind === "answer") this.queue(() => this.takeAnswer(content.sdp));
    if (content.kind === "candidate") this.queue(() => addCandidate(this.peer, content.candidate));
  }

  async offer(iceServers) {
    const { page } = this;
    this.peer?.close();
    this.reported = "";
    this.silentTicks = 0;
    this.player.srcObject = new MediaStream();
    this.peer = new RTCPeerConnection({ iceServers, iceTransportPolicy: page.settings.relay_only ? "relay" : "all" });
    this.meter = new Meter(this.peer, "inbound-rtp");
    this.peer.onicecandidate = ({ candidate }) => candidate && page.send("candidate", { candidate: candidate.toJSON() });
    this.peer.ontrack = ({ track }) => this.stream.addTrack(track);
    this.peer.onconnectionstatechange = ({ target }) => this.takeConnectionState(target);
    const { codec, audio } = page.settings;
    addReceiver(this.peer, "video", codec ? [codec] : VIDEO_CODECS);
    if (audio) addReceiver(this.peer, "audio", AUDIO_CODECS);
    const offer = await this.peer.createOffer();
    page.send("description", { sdp: offer.sdp }); // before its candidates, which setLocalDescription starts to gather
    await this.peer.setLocalDescription(offer);
    page.updateViews();
  }

  async takeAnswer(sdp) {
    const { peer } = this;
    await peer.setRemoteDescription({ type: "answer", sdp });
    onHangUp(peer, () => peer === this.peer && this.report("lost"));
  }

  takeConnectionState(peer) {
    if (peer !== this.peer) return;
    if (peer.connectionState === "connected" && !this.reported) this.report("connected");
    if (peer.connectionState === "failed") this.report("lost");
  }

  report(state) {
    if (state === this.reported) return;
    this.reported = state;
    this.page.send("state", { state });
  }

  async measure() {
    if (this.peer?.connectionState !== "connected") return [];
    const row = await this.meter.measure();
    this.silentTicks = this.meter.framesSinceLast ? 0 : this.silentTicks + 1;
    if (this.reported === "playing" && this.silentTicks >= TICKS_UNTIL_STALLED) this.report("stalled");
    if (this.reported === "stalled" && !this.silentTicks) this.report("playing");
    return [row];
  }

  close() {
    this.peer?.close();
    this.player.srcObject = null;
  }
}

// Call a function when the other peer has closed the connection, which no event of the connection itself tells.
function onHangUp(peer, hungUp) {
  for (const { transport } of peer.getTransceivers().map(({ receiver }) => receiver)) {
    if (transport) transport.onstatechange = () => transport.state === "closed" && peer.connectionState !== "closed" && hungUp();
  }
}

function addReceiver(peer, kind, codecs) {
  const transceiver = peer.addTransceiver(kind, { direction: "recvonly" });
  const known = RTCRtpReceiver.getCapabilities(kind).codecs;
  const wanted = codecs.flatMap((codec) => known.filter(({ mimeType }) => mimeType === `${kind}/${codec}`));
  if (!wanted.length) throw new Error(`it does not decode ${codecs.join(" or ")}`);
  transceiver.setCodecPreferences([...wanted, ...known.filter(({ mimeType }) => mimeType === `${kind}/rtx`)]);
}

async function addCandidate(peer, candidate) {
  await peer.addIceCandidate(candidate).catch((error) => console.warn("Ignored an ICE candidate:", error.message));
}

// --- a camera

class CameraMedia {
  constructor(page) {
    this.page = page;
    this.viewers = new Map();
    this.player = playerOf(null);
    this.queue = createQueue((error) => page.fail(error.message));
  }

  get stream() {
    return this.player.srcObject;
  }

  take(content) {
    const viewer = this.viewers.get(content.viewer);
    if (content.kind === "snapshot") sendPicture(this.page, this.player, content.request);
    if (content.kind === "ready") this.queue(() => this.openSource());
    if (content.kind === "offer") this.queue(() => this.answer(content));
    if (content.kind === "candidate") this.queue(() => this.viewers.get(content.viewer)?.addCandidate(content.candidate));
    if (content.kind === "leave" && viewer) this.hangUp(viewer);
  }

  async openSource() {
    const { settings } = this.page;
    this.endSource = () => undefined;
    const source = settings.source === "webcam" ? await openWebcam(settings) : openTestPicture(settings);
    this.endSource = source.close;
    if (this.closed) return this.endSource(); // the user stopped while the browser asked for the webcam
    this.player.srcObject = source.stream;
    this.page.updateViews();
  }

  // A viewer that asks for sound gets the test picture's beep; a webcam sends none.
  tracksFor(sdp) {
    const wanted = sdp.includes("m=audio") && this.page.settings.source !== "webcam";
    if (wanted) this.tone ??= openTestTone();
    return [...this.stream.getTracks(), ...(wanted ? this.tone.stream.getTracks() : [])];
  }

  async answer({ viewer, sdp, servers }) {
    if (this.viewers.has(viewer)) this.hangUp(this.viewers.get(viewer));
    await this.makeRoom();
    const answered = new RemoteViewer(this, viewer, servers);
    this.viewers.set(viewer, answered);
    await answered.answer(sdp).catch((error) => {
      console.warn(`The offer of ${viewer} was not answered:`, error.message);
      this.hangUp(answered);
    });
  }

  // A viewer that has left is noticed late: the one that has been silent for longest is dropped.
  async makeRoom() {
    if (this.viewers.size < MAX_VIEWERS) return;
    const viewers = [...this.viewers.values()];
    const times = await Promise.all(viewers.map((viewer) => viewer.meter.lastPacketTime()));
    this.hangUp(viewers[times.indexOf(Math.min(...times))]);
  }

  hangUp(viewer) {
    viewer.close();
    if (this.viewers.get(viewer.name) === viewer) this.viewers.delete(viewer.name);
    viewer.report("gone");
  }

  async measure() {
    return await Promise.all([...this.viewers.values()].map((viewer) => viewer.measure()));
  }

  close() {
    this.closed = true;
    for (const viewer of this.viewers.values()) viewer.close();
    this.viewers.clear();
    this.endSource?.();
    this.tone?.close();
    this.player.srcObject = null;
  }
}

class RemoteViewer {
  constructor(camera, name, iceServers) {
    this.camera = camera;
    this.name = name;
    this.peer = new RTCPeerConnection({ iceServers });
    this.meter = new Meter(this.peer, "outbound-rtp");
    this.peer.onicecandidate = ({ candidate }) => candidate && this.send("candidate", { candidate: candidate.toJSON() });
    this.peer.onconnectionstatechange = () => this.takeConnectionState();
    this.connectTimer = setTimeout(() => camera.hangUp(this), CONNECT_MS);
    this.report("connecting");
  }

  close() {
    clearTimeout(this.connectTimer);
    this.peer.close();
  }

  send(kind, members) {
    this.camera.page.send(kind, { viewer: this.name, ...members });
  }

  report(state) {
    if (state === this.reported) return;
    this.reported = state;
    this.send("state", { state });
  }

  async answer(sdp) {
    for (const track of this.camera.tracksFor(sdp)) this.peer.addTrack(track, this.camera.stream);
    await this.peer.setRemoteDescription({ type: "offer", sdp });
    const answer = await this.peer.createAnswer();
    this.send("description", { sdp: answer.sdp });
    await this.peer.setLocalDescription(answer);
    onHangUp(this.peer, () => this.camera.hangUp(this));
  }

  async addCandidate(candidate) {
    await addCandidate(this.peer, candidate);
  }

  takeConnectionState() {
    const { connectionState } = this.peer;
    if (connectionState === "failed") this.camera.hangUp(this);
    if (connectionState !== "connected" || this.reported !== "connecting") return;
    clearTimeout(this.connectTimer);
    this.report("connected");
    setTimeout(() => this.measure(), FIRST_LOOK_MS);
  }

  async measure() {
    const row = await this.meter.measure();
    if (this.reported === "connected" && this.meter.frames) this.report("playing");
    return { client_id: this.name, ...row };
  }
}

async function openWebcam({ width, height, fps }) {
  if (!navigator.mediaDevices) throw new Error("The webcam needs a page from https or localhost.");
  const video = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: fps } };
  const stream = await navigator.mediaDevices.getUserMedia({ video }).catch((error) => {
    throw new Error(`The browser gave no webcam: ${error.message}. Allow it for this page, or use source="test picture".`);
  });
  return { stream, close: () => stream.getTracks().forEach((track) => track.stop()) };
}

// --- the test picture: a moving disc, the time, and a bar code that counts the pictures

function openTestPicture({ width, height, fps, channel }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  const stream = canvas.captureStream(0);
  const [track] = stream.getVideoTracks();
  let number = 0;
  const draw = () => {
    drawTestPicture(context, number, fps, channel);
    drawBarCode(context, number);
    track.requestFrame();
    number += 1;
  };
  draw();
  const endTicks = startTicks(1000 / fps, draw);
  return {
    stream,
    close: () => {
      endTicks();
      track.stop();
    },
  };
}

// A quiet beep every second.
function openTestTone() {
  const context = new AudioContext();
  const output = context.createMediaStreamDestination();
  const volume = context.createGain();
  const beep = context.createOscillator();
  const pulse = context.createOscillator();
  const gate = context.createWaveShaper();
  gate.curve = new Float32Array([0, 0, 0, 0, 0, 0, 0, 0.1]);
  volume.gain.value = 0;
  pulse.frequency.value = 1;
  pulse.connect(gate).connect(volume.gain);
  beep.connect(volume).connect(output);
  for (const oscillator of [beep, pulse]) oscillator.start();
  return { stream: output.stream, close: () => context.close() };
}

function drawTestPicture(context, number, fps, channel) {
  const { width, height } = context.canvas;
  const angle = (number / fps) * 2;
  context.fillStyle = `hsl(${(number * 2) % 360} 45% 30%)`;
  context.fillRect(0, 0, width, height);
  context.fillStyle = "#ffd166";
  context.beginPath();
  context.arc(width / 2 + Math.cos(angle) * width * 0.3, height * 0.45 + Math.sin(angle) * height * 0.2, height / 10, 0, 7);
  context.fill();
  context.fillStyle = "#ffffff";
  context.textAlign = "center";
  context.font = `${Math.round(height / 10)}px sans-serif`;
  context.fillText(channel, width / 2, height * 0.42, width * 0.9);
  context.fillText(new Date().toLocaleTimeString("en-GB"), width / 2, height * 0.56, width * 0.9);
}

// Black and white bars, so that the codec keeps them: white, black, the bits of the number, their parity, black, white.
function drawBarCode(context, number) {
  const { width, height } = context.canvas;
  const bits = [...(number % 2 ** BAR_CODE_BITS).toString(2).padStart(BAR_CODE_BITS, "0")].map(Number);
  const bars = [1, 0, ...bits, bits.reduce((sum, bit) => sum + bit, 0) % 2, 0, 1];
  bars.forEach((bar, index) => {
    context.fillStyle = bar ? "#ffffff" : "#000000";
    context.fillRect((index * width) / bars.length, (height * 7) / 8, width / bars.length + 1, height / 8);
  });
}

// --- statistics

class Meter {
  constructor(peer, type) {
    this.peer = peer;
    this.type = type;
    this.frames = this.framesSinceLast = 0;
    this.last = null;
  }

  async measure() {
    const report = await this.peer.getStats();
    const all = [...report.values()];
    const media = all.find(({ type, kind }) => type === this.type && kind === "video") ?? {};
    const remote = all.find(({ type, kind }) => type === "remote-inbound-rtp" && kind === "video") ?? {};
    const pair = report.get(all.find(({ type }) => type === "transport")?.selectedCandidatePairId) ?? {};
    const [local, other] = [report.get(pair.localCandidateId) ?? {}, report.get(pair.remoteCandidateId) ?? {}];
    return {
      codec: report.get(media.codecId)?.mimeType.split("/")[1] ?? null,
      width: media.frameWidth ?? null,
      height: media.frameHeight ?? null,
      frames_per_second: media.framesPerSecond ?? null,
      bits_per_second: this.count(media),
      round_trip_seconds: pair.currentRoundTripTime ?? null,
      packets_lost: media.packetsLost ?? remote.packetsLost ?? null,
      local_candidate: local.candidateType ?? null,
      remote_candidate: other.candidateType ?? null,
      protocol: local.relayProtocol ?? local.protocol ?? null,
    };
  }

  // Remember how much has come, and return the bits of a second since the last time.
  count(media) {
    const { timestamp = 0 } = media;
    const bytes = media.bytesReceived ?? media.bytesSent ?? 0;
    const frames = media.framesDecoded ?? media.framesSent ?? 0;
    const seconds = this.last ? (timestamp - this.last.timestamp) / 1000 : 0;
    const bits = seconds > 0 ? Math.round((8 * (bytes - this.last.bytes)) / seconds) : null;
    this.framesSinceLast = frames - this.frames;
    this.frames = frames;
    this.last = { timestamp, bytes };
    return bits;
  }

  async lastPacketTime() {
    const pairs = [...(await this.peer.getStats()).values()].filter(({ type }) => type === "candidate-pair");
    return Math.max(0, ...pairs.map(({ lastPacketReceivedTimestamp }) => lastPacketReceivedTimestamp ?? 0));
  }
}

function describe(row) {
  if (!row.codec) return "";
  const parts = [`${row.codec} ${row.width}x${row.height}`, `${Math.round(row.frames_per_second ?? 0)} frames/s`];
  if (row.bits_per_second !== null) parts.push(`${(row.bits_per_second / 1e6).toFixed(2)} Mbit/s`);
  if (row.round_trip_seconds !== null) parts.push(`round trip ${Math.round(1000 * row.round_trip_seconds)} ms`);
  if (row.local_candidate) parts.push(`${row.local_candidate} to ${row.remote_candidate} (${row.protocol})`);
  return parts.join(", ");
}

// --- what the user sees

class View {
  constructor(page, el) {
    this.page = page;
    const { channel, role, audio } = page.settings;
    const root = append(el, "div", { className: "kvs-live", role: "group", ariaLabel: `${channel}: ${role}` });
    append(root, "div", { className: "kvs-live-title", textContent: `${channel}: ${role}` });
    this.video = playerOf(root);
    this.video.setAttribute("aria-label", role === "camera" ? `Picture that ${channel} sends` : `Live video of ${channel}`);
    const controls = append(root, "div", { className: "kvs-live-controls" });
    this.button = appendButton(controls, () => (page.call ? page.stop() : page.start()));
    if (audio) this.sound = appendButton(controls, () => this.toggleSound());
    this.status = append(controls, "span", { className: "kvs-live-status", role: "status" });
    this.line = append(root, "div", { className: "kvs-live-statistics" });
  }

  toggleSound() {
    this.video.muted = !this.video.muted;
    this.update();
  }

  update() {
    const { page, video } = this;
    const stream = page.media?.stream ?? null;
    if (video.srcObject !== stream) video.srcObject = stream;
    else if (stream && video.isConnected && video.paused) play(video); // the notebook has moved the element
    setText(this.button, page.call ? "Stop" : page.state === "failed" ? "Try again" : "Start");
    this.button.disabled = page.kernelGone;
    if (this.sound) setText(this.sound, video.muted ? "Turn sound on" : "Turn sound off");
    setText(this.status, page.sentence);
    setText(this.line, page.line);
    this.video.parentElement.dataset.state = page.state;
  }
}

function append(parent, tag, properties) {
  return parent.appendChild(Object.assign(document.createElement(tag), properties));
}

function appendButton(parent, onclick) {
  const button = append(parent, "button", { type: "button", className: "jupyter-button", onclick });
  button.setAttribute("data-lm-suppress-shortcuts", ""); // else JupyterLab takes the keys of a focused button
  return button;
}

// A screen reader announces a status when its text is set, also to the same text.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function playerOf(parent) {
  const video = Object.assign(document.createElement("video"), { muted: true, autoplay: true, playsInline: true });
  parent?.appendChild(video);
  return video;
}

function play(video) {
  video.play().catch((error) => {
    if (error.name !== "AbortError") console.warn("The video does not play:", error.message); // AbortError: it was removed
  });
}

async function sendPicture(page, video, request) {
  if (!video.videoWidth) return page.send("picture", { request, reason: "the video has no picture yet" });
  const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const file = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  page.send("picture", { request }, [await file.arrayBuffer()]);
}

// --- tools

function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Run asynchronous functions one after the other, in the order of the messages that cause them.
function createQueue(onError) {
  let last = Promise.resolve();
  return (run) => {
    last = last.then(run).catch(onError);
  };
}

// Call a function regularly, from a worker: browsers slow down the timers of a page that is hidden. Return what ends it.
function startTicks(milliseconds, onTick) {
  const source = `setInterval(() => postMessage(0), ${milliseconds})`;
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.onmessage = onTick;
  return () => {
    worker.terminate();
    URL.revokeObjectURL(url);
  };
}
