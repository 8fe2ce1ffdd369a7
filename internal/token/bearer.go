package token

import (
	"errors"
	"strings"

	"github.com/gatehouse-dev/gatehouse/internal/fault"
)

var errBearer = fault.ErrUnauthenticated.Because(errors.New("not one Authorization header of Bearer and one token"))

// Bearer takes the token out of the values of the Authorization header: exactly one value, the scheme in any case,
// then one token68 (RFC 6750 section 2.1, RFC 9110 section 11.4). Anything else is fault.ErrUnauthenticated;
// whether the token is good is for Verify to say.
func Bearer(values []string) (string, error) {
	if len(values) == 0 {
		return "", fault.ErrUnauthenticated
	}
	scheme, rest, _ := strings.Cut(values[0], " ")
	token := strings.TrimLeft(rest, " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || !isToken68(token) {
		return "", errBearer
	}
	return token, nil
}

func isToken68(s string) bool {
	body := strings.TrimRight(s, "=")
	for _, b := range []byte(body) {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		case b == '-', b == '_', b == '.', b == '~', b == '+', b == '/':
		default:
			return false
		}
	}
	return body != ""
}
