// Package load is the client that benchmarks and tests load servers with: sockets and HTTP calls with as little around
// them as will do, so that thousands of them cost the measuring process little and any server the same.
//
// Dial opens a socket, by the Dialect of the server; a Caller makes requests over one connection that stays open; a
// Crowd is sockets that other processes hold, each of which may have as many files as the system lets it. The Go
// runtime raises that limit to the hardest one at its start.
package load
