package token

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
	"github.com/gatehouse-dev/gatehouse/internal/id"
)

const (
	refreshPrefix = "ghr_"
	refreshLabel  = "gatehouse refresh v1" // keeps the MAC apart from any other use of the key
	refreshBody   = 16 + 4                 // the session id's ULID, the generation big-endian
	refreshSize   = refreshBody + sha256.Size
	refreshLength = len(refreshPrefix) + (refreshSize*8+5)/6
	refreshKey    = 32
)

// Refresh is what a refresh token names: a session and a place in its chain. By itself it proves nothing; Verify does.
type Refresh struct {
	SessionID  string
	Generation int
}

// NewRefreshKey is a fresh key for one session's chain.
func NewRefreshKey() []byte {
	key := make([]byte, refreshKey)
	rand.Read(key) // never fails
	return key
}

// MintRefresh makes the refresh token of a generation. The same arguments always give the same token.
// sessionID must be a session's id, generation between 0 and 2³²−1 and key of NewRefreshKey's length: anything else
// is a mistake in the program, and panics.
func MintRefresh(key []byte, sessionID string, generation int) string {
	text, ok := Refresh{SessionID: sessionID, Generation: generation}.mint(key)
	if !ok {
		panic("token: refresh token of no session, generation or key")
	}
	return text
}

func (r Refresh) mint(key []byte) (string, bool) {
	if len(key) != refreshKey || !id.Is(id.Session, r.SessionID) || r.Generation < 0 || r.Generation > math.MaxUint32 {
		return "", false
	}
	session := ulid.MustParseStrict(strings.TrimPrefix(r.SessionID, id.Session))
	token := make([]byte, 0, refreshSize)
	token = append(token, session[:]...)
	token = binary.BigEndian.AppendUint32(token, uint32(r.Generation))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(refreshLabel))
	mac.Write(token)
	var text [refreshLength]byte
	return string(base64.RawURLEncoding.AppendEncode(append(text[:0], refreshPrefix...), mac.Sum(token))), true
}

// ParseRefresh reads which session and generation a refresh token claims, so that the session's key can be found.
// Only the canonical form passes; the error is fault.ErrInvalidToken.
func ParseRefresh(text string) (Refresh, error) {
	raw, ok := decodeExact(refreshPrefix, text, refreshSize)
	if !ok {
		return Refresh{}, fault.ErrInvalidToken.Because(errors.New("not in the form of a refresh token"))
	}
	return Refresh{
		SessionID:  id.Session + ulid.ULID(raw[:16]).String(),
		Generation: int(binary.BigEndian.Uint32(raw[16:refreshBody])),
	}, nil
}

// Verify tells, in constant time, whether text is the token of r under the session's key.
func (r Refresh) Verify(key []byte, text string) bool {
	want, ok := r.mint(key)
	return ok && subtle.ConstantTimeCompare([]byte(want), []byte(text)) == 1
}

// decodeExact reads a prefix and the canonical unpadded base64url of size bytes.
func decodeExact(prefix, text string, size int) ([]byte, bool) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok || len(rest) != base64.RawURLEncoding.EncodedLen(size) {
		return nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	return raw, err == nil && len(raw) == size // line ends are skipped by the decoder, and leave fewer bytes
}
