package redis

import (
	"crypto/sha256"
	"encoding/base64"
	"hash/crc32"
	"strconv"
	"strings"
)

// parts is into how many parts the users are split. All keys of a part share a hash tag, so that one script may touch
// a user's hash, a node's index and the totals. Nodes of one deployment must agree on it: it never changes.
const parts = 64

// names makes the names of keys and channels. The scripts make those of channels too.
type names struct{ prefix string }

func partOf(userID string) int { return int(crc32.ChecksumIEEE([]byte(userID)) % parts) }

func (n names) of(part int, what string) string {
	return n.prefix + ":{" + strconv.Itoa(part) + "}:" + what
}

func (n names) user(id string) string              { return n.of(partOf(id), "user:"+id) }
func (n names) index(part int, node string) string { return n.of(part, "node:"+node) }
func (n names) totals(part int) string             { return n.of(part, "totals") }
func (n names) leases() string                     { return n.prefix + ":{nodes}:leases" }
func (n names) records() string                    { return n.prefix + ":{nodes}:records" }

// bucket is of a limit and who is counted. His address is not to be read in Redis, nor does its length matter there.
func (n names) bucket(limit, key string) string {
	sum := sha256.Sum256([]byte(key))
	return n.prefix + ":limit:" + limit + ":" + base64.RawURLEncoding.EncodeToString(sum[:16])
}

func (n names) hints() string              { return n.prefix + ":hints" }
func (n names) node(id string) string      { return n.prefix + ":node:" + id }
func (n names) watch(userID string) string { return n.prefix + ":watch:" + userID }
func (n names) watchAll() string           { return n.prefix + ":watch" }

// splitMember reads how an index names a session.
func splitMember(m string) (userID, sessionID string) {
	userID, sessionID, _ = strings.Cut(m, "|")
	return userID, sessionID
}
