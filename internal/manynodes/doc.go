// Package manynodes has tests only: several nodes as processes of their own, on one MongoDB and one Redis, and what
// happens when these, or the nodes, fail. They print the figures they find.
package manynodes
