// Package bench measures a running server: go test -run '^$' -bench . ./bench, or make bench. It has no code but its
// benchmarks.
//
// The server is the built binary in a process of its own, with SQLite on the disk of the temporary folder, on a
// loopback port that the kernel chooses. The load comes from this process, on the same machine and the same
// processors: rates are therefore lower than those of a server that has its machine for itself. Memory is that of the
// server's process alone. Each benchmark does a fixed amount of work, whatever -benchtime says, and all of them
// together take less than three minutes.
package bench
