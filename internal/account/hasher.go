package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// Parameters of argon2id for new hashes: the OWASP minimum of 19 MiB, two passes, one lane.
const (
	argonMemory = 19 << 10 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonKey    = 32
	argonSalt   = 16
)

// ErrBusy is the answer when too many passwords wait to be hashed.
var ErrBusy = &fault.Error{Kind: fault.Unavailable, Code: "unavailable", Detail: "too many sign-ins at once", RetryAfter: time.Second}

// Hasher hashes and checks passwords, a few at a time: each takes 19 MiB and tens of milliseconds. Those that wait
// are bounded too. Safe for concurrent use.
type Hasher struct {
	slots   chan struct{}
	waiting atomic.Int64
	queue   int64
	hashes  atomic.Int64
	refused atomic.Int64
	dummy   string
}

// NewHasher hashes up to slots passwords at once, one for each processor when 0, and lets up to queue more wait, 64
// when 0.
func NewHasher(slots, queue int) *Hasher {
	if slots <= 0 {
		slots = runtime.GOMAXPROCS(0)
	}
	if queue <= 0 {
		queue = 64
	}
	h := &Hasher{slots: make(chan struct{}, slots), queue: int64(queue)}
	h.dummy = encodeArgon(make([]byte, argonSalt), make([]byte, argonKey))
	return h
}

// Hash is the PHC string of a new password.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	release, err := h.acquire(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt)
	return encodeArgon(salt, argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey)), nil
}

// Verify compares a password with an encoded hash, argon2id or bcrypt. stale tells that the hash should be made anew.
// An empty encoding compares with a dummy, so that an account without password costs what any other costs.
func (h *Hasher) Verify(ctx context.Context, encoded, password string) (ok, stale bool, err error) {
	release, err := h.acquire(ctx)
	if err != nil {
		return false, false, err
	}
	defer release()
	switch {
	case encoded == "":
		_, _, _ = verifyArgon(h.dummy, password)
		return false, false, nil
	case strings.HasPrefix(encoded, "$2"):
		return verifyBcrypt(encoded, password)
	default:
		return verifyArgon(encoded, password)
	}
}

// Counts are the hashes computed and those refused because too many waited.
func (h *Hasher) Counts() (hashes, refused int64) { return h.hashes.Load(), h.refused.Load() }

// Waiting is how many wait for a slot now.
func (h *Hasher) Waiting() int64 { return h.waiting.Load() }

func (h *Hasher) acquire(ctx context.Context) (release func(), err error) {
	select {
	case h.slots <- struct{}{}:
		h.hashes.Add(1)
		return func() { <-h.slots }, nil
	default:
	}
	if h.waiting.Add(1) > h.queue {
		h.waiting.Add(-1)
		h.refused.Add(1)
		return nil, ErrBusy
	}
	defer h.waiting.Add(-1)
	select {
	case h.slots <- struct{}{}:
		h.hashes.Add(1)
		return func() { <-h.slots }, nil
	case <-ctx.Done():
		return nil, ErrBusy.Because(ctx.Err())
	}
}

func encodeArgon(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// Bounds of foreign hashes, so that no imported record can ask for a machine's whole memory, or for hours.
const (
	maxArgonMemory = 256 << 10 // KiB
	maxArgonTime   = 16
	maxArgonKey    = 128
	maxBcryptCost  = 16
	bcryptLength   = 60
)

// CheckHash refuses an encoded hash that Verify would not take.
func CheckHash(encoded string) error {
	if strings.HasPrefix(encoded, "$2") {
		return checkBcrypt(encoded)
	}
	_, err := parseArgon(encoded)
	return err
}

func checkBcrypt(encoded string) error {
	if cost, err := bcrypt.Cost([]byte(encoded)); err != nil || cost > maxBcryptCost || len(encoded) > bcryptLength {
		return errors.New("bcrypt hash that does not decode, or with a cost out of bounds")
	}
	return nil
}

func verifyBcrypt(encoded, password string) (ok, stale bool, err error) {
	if err := checkBcrypt(encoded); err != nil {
		return false, false, err
	}
	err = bcrypt.CompareHashAndPassword([]byte(encoded), []byte(password))
	if err == nil || errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
		return err == nil, true, nil
	}
	return false, false, fmt.Errorf("compare bcrypt hash: %w", err)
}

// argon is an encoded argon2id hash.
type argon struct {
	memory, passes uint32
	lanes          uint8
	salt, key      []byte
}

func parseArgon(encoded string) (a argon, err error) {
	var version int
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return a, errors.New("password hash of an unknown kind")
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return a, errors.New("argon2id hash of an unknown version")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &a.memory, &a.passes, &a.lanes); err != nil ||
		a.memory == 0 || a.memory > maxArgonMemory || a.passes == 0 || a.passes > maxArgonTime || a.lanes == 0 {
		return a, errors.New("argon2id hash with parameters out of bounds")
	}
	var err1, err2 error
	a.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	a.key, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(a.key) < 16 || len(a.key) > maxArgonKey {
		return a, errors.New("argon2id hash that does not decode")
	}
	return a, nil
}

func verifyArgon(encoded, password string) (ok, stale bool, err error) {
	a, err := parseArgon(encoded)
	if err != nil {
		return false, false, err
	}
	got := argon2.IDKey([]byte(password), a.salt, a.passes, a.memory, a.lanes, uint32(len(a.key)))
	stale = a.memory != argonMemory || a.passes != argonTime || a.lanes != argonLanes || len(a.key) != argonKey
	return subtle.ConstantTimeCompare(got, a.key) == 1, stale, nil
}
