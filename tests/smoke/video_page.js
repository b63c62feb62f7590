// A browser that publishes by WHIP a picture in which the time can be read, and one that watches by WHEP and reads it.
const BARS = 24, STEP = 20; // bars of black and white are the bits of a number, which counts 20 ms each; 24 of them: 3 days

function gathered(peer) {
  return new Promise((done) => {
    if (peer.iceGatheringState === "complete") return done();
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && done());
  });
}

async function offered(peer, url, bearer) {
  await peer.setLocalDescription(await peer.createOffer());
  const headers = {"Content-Type": "application/sdp", Authorization: `Bearer ${bearer}`};
  const answer = await fetch(url, {method: "POST", headers, body: peer.localDescription.sdp});
  const text = await answer.text();
  if (answer.status !== 201) return {status: answer.status, text};
  await peer.setRemoteDescription({type: "answer", sdp: text});
  window.session = new URL(answer.headers.get("location"), url).href;
  window.etag = answer.headers.get("etag");
  return {status: 201, text, session: window.session};
}

const number = () => Math.floor(Date.now() / STEP) % 2 ** BARS;

window.publish = async (url, bearer, codec, width, height) => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, {width: width || 640, height: height || 360});
  document.body.append(canvas);
  const pen = canvas.getContext("2d");
  window.canvas = canvas;
  const draw = () => {
    const now = number(), wide = canvas.width / BARS;
    for (let bar = 0; bar < BARS; bar += 1) {
      pen.fillStyle = (now >> bar) & 1 ? "#fff" : "#000";
      pen.fillRect(bar * wide, 0, wide, canvas.height);
    }
  };
  draw();
  setInterval(draw, 33);
  const peer = window.peer = new RTCPeerConnection();
  const [track] = canvas.captureStream(30).getTracks();
  const way = peer.addTransceiver(track, {direction: "sendonly"});
  if (codec) way.setCodecPreferences(RTCRtpSender.getCapabilities("video").codecs.filter((one) => one.mimeType === codec));
  const sound = new AudioContext(), tone = sound.createOscillator(), out = sound.createMediaStreamDestination();
  tone.connect(out);
  tone.start();
  peer.addTransceiver(out.stream.getTracks()[0], {direction: "sendonly"});
  return offered(peer, url, bearer);
};

window.watch = async (url, bearer, codec) => {
  const began = performance.now();
  const video = window.video = document.createElement("video");
  Object.assign(video, {muted: true, autoplay: true, playsInline: true});
  document.body.append(video);
  const peer = window.peer = new RTCPeerConnection();
  const way = peer.addTransceiver("video", {direction: "recvonly"});
  if (codec) way.setCodecPreferences(RTCRtpReceiver.getCapabilities("video").codecs.filter((one) => one.mimeType === codec));
  peer.addTransceiver("audio", {direction: "recvonly"});
  video.srcObject = new MediaStream();
  peer.addEventListener("track", (one) => video.srcObject.addTrack(one.track));
  const first = new Promise((done) => video.requestVideoFrameCallback(() => done(performance.now() - began)));
  const said = await offered(peer, url, bearer);
  if (said.status !== 201) return said;
  return {...said, first_ms: await Promise.race([first, new Promise((done) => setTimeout(done, 10_000, -1))])};
};

// How old what is seen is, in ms.
window.read = () => {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, {width: BARS, height: 1});
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  const {video} = window;
  for (let bar = 0; bar < BARS; bar += 1) {
    pen.drawImage(video, ((bar + 0.5) * video.videoWidth) / BARS, video.videoHeight / 2, 1, 1, bar, 0, 1, 1);
  }
  const pixels = pen.getImageData(0, 0, BARS, 1).data;
  let seen = 0;
  for (let bar = 0; bar < BARS; bar += 1) seen += pixels[bar * 4 + 1] > 127 ? 2 ** bar : 0;
  return {age_ms: (number() - seen) * STEP, seen, width: video.videoWidth, height: video.videoHeight};
};

window.stats = async () => {
  const found = {};
  (await window.peer.getStats()).forEach((one) => {
    if (one.type === "inbound-rtp" || one.type === "outbound-rtp") found[one.kind] = one;
  });
  return found;
};

window.leave = async (bearer) => {
  const answer = await fetch(window.session, {method: "DELETE", headers: {Authorization: `Bearer ${bearer}`}});
  return answer.status;
};
