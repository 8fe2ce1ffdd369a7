// Package bench measures a running server. It has no code but its benchmarks; folders below it have.
//
//	make bench                 Gatehouse alone, in three minutes: go test -run '^$' -bench . ./bench
//	make bench-peers           Gatehouse beside Centrifugo and Socket.IO, in half an hour: go run ./bench/peers
//	go run ./bench/peers -only memory,handshake -runs 1 -sockets 5000 -contenders gatehouse,centrifugo -json out.json
//
// # Gatehouse alone
//
// The server is the built binary in a process of its own, with SQLite on the disk of the temporary folder, on a
// loopback port that the kernel chooses. The load comes from this process, on the same machine and the same
// processors: rates are therefore lower than those of a server that has its machine for itself. Memory is that of the
// server's process alone. Each benchmark does a fixed amount of work, whatever -benchtime says.
//
// # Beside its peers
//
// bench/peers starts each server in turn and gives it the same work, by the client of bench/load. Nothing else of a
// contender runs meanwhile. All of them do a measure before any of them does the next one, and all of that is repeated,
// so that whatever else the machine does hits all alike. The table has medians, with the least and the most.
//
// It needs redis-server; for two nodes of Gatehouse a MongoDB, a mongod on PATH or the one that
// GATEHOUSE_TEST_MONGODB_URI names; for Socket.IO node and npm. It runs from the root of the checkout, on Linux, where
// /proc tells of memory and processor time. What it builds and installs is in a temporary folder. The first time, Go's
// modules and npm's packages of the peers are fetched.
//
// The contenders:
//
//   - Gatehouse as it is by default, without limits of requests, on MongoDB and Redis. Where there is no MongoDB, or for
//     the column beside, it is one node on SQLite.
//   - Centrifugo's library, in a server set up as Centrifugo is by default: Redis as broker and for presence, a personal
//     channel that the server subscribes to, joins and leaves told. It is in bench/peers/centrifuge, a module of its own.
//   - Socket.IO with its Redis adapter, WebSocket alone, bufferutil, the kept HTTP requests dropped as its manual advises,
//     NODE_ENV=production. It is in bench/peers/socketio.
//
// All check EdDSA tokens of the same claims, ping every 25 seconds, use JSON and no compression. They do not promise the
// same. Gatehouse writes a kick into its store, with a row of the audit, before it says that it is done, and nobody comes
// back by the same token; theirs close a socket. Gatehouse asks the store who is called and may call; theirs take any
// call. Centrifugo's presence is renewed by each socket; Socket.IO has none. A stand-in for MongoDB is not MongoDB: what
// is written often shows how fast the stand-in is.
//
// The measures:
//
//   - memory: resident memory of the server's process, more than after it had 1,500 sockets, for each of 19,000 idle ones.
//     They are held by processes of their own and answer pings; one that is lost makes the measure fail.
//   - handshake: 32 workers open sockets, each of a user of its own, from the first packet of TCP until the server says
//     that it is ready. Each keeps its last 32 open and cuts the one before, so that ends are counted too. Processor time is
//     that of the server between the first and the last of 10,000.
//   - kick, kick-one-node: a call over a connection that is open, until the close frame; one after the other, and at
//     2,000 a second, where time counts from when a call was due and not from when it could be made.
//   - message: the same until the frame with the message.
//   - join: nine devices on two nodes follow the list, and a tenth comes and goes, 200 times; until the last of the nine
//     was told that it is there, and that its connection has ended. In Gatehouse that is the count of its connections;
//     "offline" comes after the grace, by design.
//   - idle: 5,000 sockets on two nodes, watched for 30 seconds: commands of Redis as it counts them, those in scripts
//     too, and processor time in percent of one core.
//   - throughput: 16 connections send messages to 200 users with 5 devices each on two nodes, each as fast as it is
//     answered.
//
// What the bars are, rows.go says.
package bench
