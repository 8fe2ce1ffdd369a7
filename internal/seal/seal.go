// Package seal keeps secrets at rest: it encrypts and authenticates them under keys derived from the master
// secret, one key per purpose, so that what was sealed for one use opens for no other.
package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

// SecretSize is the length of a master secret in bytes.
const SecretSize = 32

// ErrOpen says that a sealed value opens under no secret of the box: another master secret, another purpose,
// other additional data, or damage. Open returns it as the cause of a fault.ErrUnavailable, because the usual
// reason is a node with the wrong secret, which must not be answered as if the client had presented something wrong.
var ErrOpen = errors.New("sealed value opens under no known secret")

// Layout of a sealed value: version, id of the master secret, then nonce, ciphertext and tag as AES-GCM leaves them.
const (
	version    = 1
	idSize     = 4
	headerSize = 1 + idSize
)

// Box seals with the current master secret and opens with the current or the previous one.
// It is immutable and safe for concurrent use.
type Box struct {
	secrets []*secret // current first; pointers, so that printing a Box shows no key
}

type secret struct {
	id     []byte // tells which secret sealed a value; derived, gives nothing away
	master []byte
	aeads  sync.Map // by purpose: a cipher.AEAD, which costs more to make than to use. There are as many as purposes
}

// New makes a box of 32-byte master secrets. previous may be nil.
func New(current, previous []byte) (*Box, error) {
	if len(current) != SecretSize {
		return nil, fmt.Errorf("master secret has %d bytes, want %d", len(current), SecretSize)
	}
	box := &Box{secrets: []*secret{newSecret(current)}}
	if previous == nil || bytes.Equal(previous, current) {
		return box, nil
	}
	if len(previous) != SecretSize {
		return nil, fmt.Errorf("previous master secret has %d bytes, want %d", len(previous), SecretSize)
	}
	box.secrets = append(box.secrets, newSecret(previous))
	return box, nil
}

func newSecret(master []byte) *secret {
	s := &secret{master: bytes.Clone(master)}
	s.id = s.derive("id", "")[:idSize]
	return s
}

// derive is HKDF (RFC 5869) with SHA-256. Use and purpose are kept apart by a NUL.
func (s *secret) derive(use, purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s.master, nil, "gatehouse "+use+" v1\x00"+purpose, sha256.Size)
	if err != nil {
		panic("seal: " + err.Error()) // the only errors are of lengths, which are constants here
	}
	return key
}

func (s *secret) aead(purpose string) cipher.AEAD {
	if known, ok := s.aeads.Load(purpose); ok {
		return known.(cipher.AEAD)
	}
	made, _ := s.aeads.LoadOrStore(purpose, s.newAEAD(purpose))
	return made.(cipher.AEAD)
}

func (s *secret) newAEAD(purpose string) cipher.AEAD {
	block, err := aes.NewCipher(s.derive("seal", purpose))
	if err != nil {
		panic("seal: " + err.Error())
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("seal: " + err.Error())
	}
	return gcm
}

// Seal encrypts plaintext with AES-256-GCM under a random 96-bit nonce. aad is authenticated but not stored: give
// what the value belongs to, such as the id of its record, so that it cannot be moved to another.
func (b *Box) Seal(purpose string, plaintext, aad []byte) []byte {
	s := b.secrets[0]
	header := append([]byte{version}, s.id...)
	return s.aead(purpose).Seal(header, nil, plaintext, bind(header, aad))
}

// Open is the reverse of Seal. Its error is a fault.ErrUnavailable because of ErrOpen.
func (b *Box) Open(purpose string, sealed, aad []byte) ([]byte, error) {
	for _, s := range b.secrets {
		if !s.sealed(sealed) {
			continue
		}
		header, body := sealed[:headerSize], sealed[headerSize:]
		if plaintext, err := s.aead(purpose).Open(nil, nil, body, bind(header, aad)); err == nil {
			return plaintext, nil
		}
	}
	return nil, fault.ErrUnavailable.Because(ErrOpen)
}

// Reseal seals anew what was not sealed with the current secret, and tells whether it had to. Its error is Open's.
func (b *Box) Reseal(purpose string, sealed, aad []byte) (again []byte, changed bool, err error) {
	if !b.NeedsReseal(sealed) {
		return sealed, false, nil
	}
	plaintext, err := b.Open(purpose, sealed, aad)
	if err != nil {
		return nil, false, err
	}
	return b.Seal(purpose, plaintext, aad), true, nil
}

// NeedsReseal tells whether a value was not sealed with the current secret.
func (b *Box) NeedsReseal(sealed []byte) bool { return !b.secrets[0].sealed(sealed) }

func (s *secret) sealed(value []byte) bool {
	return len(value) >= headerSize && value[0] == version && bytes.Equal(value[1:headerSize], s.id)
}

// bind puts the header under the tag too. Its length is fixed, so the parts cannot be confused.
func bind(header, aad []byte) []byte { return append(bytes.Clone(header), aad...) }

// MAC is the HMAC-SHA-256 of data under a key derived from the current secret: what is stored of a one-time
// secret, so that a copy of the store can neither use nor guess one.
func (b *Box) MAC(purpose string, data []byte) []byte { return b.secrets[0].mac(purpose, data) }

// MACs are the values data may be stored under, by the current secret first, then by the previous if there is one.
func (b *Box) MACs(purpose string, data []byte) [][]byte {
	macs := make([][]byte, len(b.secrets))
	for i, s := range b.secrets {
		macs[i] = s.mac(purpose, data)
	}
	return macs
}

func (s *secret) mac(purpose string, data []byte) []byte {
	h := hmac.New(sha256.New, s.derive("mac", purpose))
	h.Write(data)
	return h.Sum(nil)
}
