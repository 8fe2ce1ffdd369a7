"use strict";

// The peer that Gatehouse is measured beside: Socket.IO over WebSocket alone, on the Redis adapter, with bufferutil and
// without the kept HTTP requests, as its page on performance advises. Everything that is not said here is its default.
//
// A socket is authenticated by an EdDSA token in its connect packet and joins the room of its user, which is told of
// those that come and go: the list of the user's devices. There is no presence beyond that; the adapter keeps none.
//
// It listens on a port that the kernel chooses and says which in its first line of output.

const { createServer } = require("node:http");
const { createPublicKey } = require("node:crypto");
const { createAdapter } = require("@socket.io/redis-adapter");
const { Redis } = require("ioredis");
const { jwtVerify } = require("jose");
const { Server } = require("socket.io");

const key = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x: process.env.PEER_KEY } });
const publish = new Redis(`redis://${process.env.PEER_REDIS}`);

const http = createServer(serve);
const io = new Server(http, {
  transports: ["websocket"],
  serveClient: false,
  adapter: createAdapter(publish, publish.duplicate()),
});

io.engine.on("connection", (socket) => {
  socket.request = null;
});

io.use(async (socket, next) => {
  try {
    const { payload } = await jwtVerify(socket.handshake.auth.token, key, { algorithms: ["EdDSA"] });
    socket.data.user = payload.sub;
    socket.data.device = payload.sid;
    next();
  } catch {
    next(new Error("unauthenticated"));
  }
});

io.on("connection", (socket) => {
  const { user, device } = socket.data;
  socket.join(user);
  socket.to(user).emit("join", device);
  socket.on("disconnect", () => io.to(user).emit("leave", device));
});

async function serve(request, response) {
  const url = new URL(request.url, "http://localhost");
  const room = url.searchParams.get("user");
  switch (`${request.method} ${url.pathname}`) {
    case "POST /kick":
      io.in(room).disconnectSockets(true);
      return answer(response, 204);
    case "POST /message":
      io.to(room).emit("message", JSON.parse(await body(request)));
      return answer(response, 204);
    case "GET /sockets":
      return answer(response, 200, String(io.engine.clientsCount));
    case "GET /nodes":
      return answer(response, 200, String(await io.of("/").adapter.serverCount()));
    default:
      return answer(response, 404);
  }
}

function answer(response, status, text) {
  response.writeHead(status).end(text);
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

http.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${http.address().port}`));
