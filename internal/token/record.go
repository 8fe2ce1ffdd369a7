package token

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/id"
	"github.com/gatehouse-dev/gatehouse/internal/seal"
)

// State is a signing key's place in its life: next, then current, then previous, then gone.
type State string

// The states.
const (
	Next     State = "next"     // published, signs nothing yet
	Current  State = "current"  // signs
	Previous State = "previous" // verifies what it signed until it is withdrawn
)

// Record is the key set at rest. It always has one current and one next key; every change raises Version by one.
type Record struct {
	Version int         `json:"version"`
	Keys    []KeyRecord `json:"keys"`
}

// KeyRecord is one signing key at rest.
type KeyRecord struct {
	Kid         string    `json:"kid"`
	State       State     `json:"state"`
	Sealed      []byte    `json:"sealed,omitempty"` // the private seed, bound to the kid
	Public      []byte    `json:"public"`
	CreatedAt   time.Time `json:"created_at"`
	ActivatedAt time.Time `json:"activated_at,omitzero"` // when it became current
	RetiredAt   time.Time `json:"retired_at,omitzero"`   // when it became previous
	WithdrawAt  time.Time `json:"withdraw_at,omitzero"`  // from when on it verifies nothing
}

const sealPurpose = "signing key"

// NewRecord is the first record of a deployment: version 1, with a current and a next key.
func NewRecord(now time.Time, box *seal.Box) Record {
	current := newKey(now, Current, box)
	current.ActivatedAt = current.CreatedAt
	return Record{Version: 1, Keys: []KeyRecord{current, newKey(now, Next, box)}}
}

func newKey(now time.Time, state State, box *seal.Box) KeyRecord {
	seed := make([]byte, ed25519.SeedSize)
	rand.Read(seed) // never fails
	kid := id.New(id.Key)
	return KeyRecord{
		Kid:       kid,
		State:     state,
		Sealed:    box.Seal(sealPurpose, seed, []byte(kid)),
		Public:    ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey),
		CreatedAt: now.UTC(),
	}
}

// Rotate makes the next key current, the current one previous, and a new next one. What the retired key signed
// lives on for ttl; the leeway is for nodes that hear of the rotation late. A node that has not heard of a rotation
// knows the next key already, so two rotations should be further apart than nodes take to follow.
func Rotate(rec Record, now time.Time, ttl time.Duration, box *seal.Box) Record {
	now = now.UTC()
	out := Record{Version: rec.Version + 1}
	for _, k := range rec.Keys {
		switch k.State {
		case Current:
			k.State, k.RetiredAt, k.WithdrawAt = Previous, now, now.Add(ttl+Leeway)
		case Next:
			k.State, k.ActivatedAt = Current, now
		}
		out.Keys = append(out.Keys, k)
	}
	out.Keys = append(out.Keys, newKey(now, Next, box))
	return out
}

// Prune leaves out the keys whose withdrawal has come. It reports whether there were any; without, rec comes back as it is.
func Prune(rec Record, now time.Time) (Record, bool) {
	withdrawn := func(k KeyRecord) bool { return k.State == Previous && !now.Before(k.WithdrawAt) }
	if !slices.ContainsFunc(rec.Keys, withdrawn) {
		return rec, false
	}
	return Record{Version: rec.Version + 1, Keys: slices.DeleteFunc(slices.Clone(rec.Keys), withdrawn)}, true
}

// Open makes the keys of a record usable. The error is seal.ErrOpen when the box has not the secret that sealed them.
func Open(rec Record, box *seal.Box, cfg Config) (*Keys, error) {
	keys := &Keys{
		issuer:   cfg.Issuer,
		maxLife:  (cfg.TTL + time.Second - 1).Truncate(time.Second),
		byHeader: make(map[string]*key, len(rec.Keys)),
	}
	states := make(map[State]int)
	set := struct {
		Keys []jwk `json:"keys"`
	}{}
	for _, r := range rec.Keys {
		k, err := openKey(r, box)
		if err != nil {
			return nil, fmt.Errorf("open signing key %s: %w", r.Kid, err)
		}
		states[r.State]++
		if r.State == Current {
			keys.current = k
		}
		keys.byHeader[k.header] = k
		set.Keys = append(set.Keys, newJWK(k))
	}
	if states[Current] != 1 || states[Next] != 1 || len(keys.byHeader) != len(rec.Keys) {
		return nil, errors.New("keyset needs one current and one next key, each id once")
	}
	var err error
	keys.jwks, err = json.Marshal(set)
	return keys, err
}

// openKey opens the seed also of keys that no longer sign: the public half counts only if the sealed one confirms it,
// so that writing to the store is not enough to slip in a key.
func openKey(r KeyRecord, box *seal.Box) (*key, error) {
	seed, err := box.Open(sealPurpose, r.Sealed, []byte(r.Kid))
	if err != nil {
		return nil, err
	}
	if len(seed) != ed25519.SeedSize {
		return nil, errors.New("seed has the wrong length")
	}
	private := ed25519.NewKeyFromSeed(seed)
	public := private.Public().(ed25519.PublicKey)
	if subtle.ConstantTimeCompare(public, r.Public) != 1 {
		return nil, errors.New("public key does not belong to the private one")
	}
	head, err := header(r.Kid)
	k := &key{kid: r.Kid, header: head, public: public, verifier: newVerifier(public)}
	switch r.State {
	case Current:
		k.private = private
	case Previous:
		k.withdrawAt = r.WithdrawAt
	}
	return k, err
}
