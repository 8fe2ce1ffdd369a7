package httpapi_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-dev/gatehouse/internal/ratelimit"
	"github.com/gatehouse-dev/gatehouse/internal/rules/rulestest"
)

// client is the address of the i-th client.
func client(i int) part { return from(fmt.Sprintf("192.0.2.%d", i)) }

func TestSignInsCountPerAccountWhetherOrNotThereIsOne(t *testing.T) {
	l := open(t, proxied)
	l.AddUser("ada@example.com")
	var waits []string
	for _, email := range []string{"ada@example.com", "nobody@example.com"} {
		i := 0
		a := l.until(5, func() *answer {
			i++
			return l.do("POST", "/auth/login", login(email, "wrong"), client(i))
		})
		a.limited()
		waits = append(waits, a.header.Get("Retry-After"))
	}
	if waits[0] != waits[1] || waits[0] != "60" {
		t.Errorf("a known account waits %s s, an unknown one %s s; want 60, the refill of one place", waits[0], waits[1])
	}
	l.do("POST", "/auth/login", login(" ADA@example.com", "wrong"), client(9)).limited()
	l.Advance(time.Minute)
	l.do("POST", "/auth/login", login("ada@example.com", rulestest.Password), client(9)).is(200)
}

func TestSignInsCountPerAddress(t *testing.T) {
	l := open(t, proxied)
	ask := func(addr string) *answer { return l.do("POST", "/auth/login", login("nobody", "x"), from(addr)) }
	l.until(20, func() *answer { return ask("192.0.2.1") }).limited()
	ask("192.0.2.2").invalid("email")
	l.do("POST", "/auth/setup", login("nobody", "x", "token", "x"), from("192.0.2.1")).limited()
	l.do("GET", "/auth/options", nil, from("192.0.2.1")).is(200) // other limits are apart
}

func TestGoodSignInsGiveTheirPlacesBack(t *testing.T) {
	l := open(t, nil)
	l.AddUser("ada@example.com")
	for range ratelimit.LoginAccount.Burst {
		l.do("POST", "/auth/login", login("ada@example.com", rulestest.Password)).is(200)
	}
	for range ratelimit.LoginAccount.Burst - 1 {
		l.do("POST", "/auth/login", login("ada@example.com", "wrong")).problem(401, "invalid_credentials")
	}
	l.do("POST", "/auth/login", login("ada@example.com", rulestest.Password)).is(200)
	for range ratelimit.LoginAddress.Burst - ratelimit.LoginAccount.Burst + 1 {
		l.do("POST", "/auth/login", login("nobody", "x")).invalid("email")
	}
	l.do("POST", "/auth/login", login("nobody", "x")).limited()
}

func TestRegistrationsCountPerAddressAndAccount(t *testing.T) {
	l := open(t, proxied)
	l.AddUser("ada@example.com")
	for _, email := range []string{"ada@example.com", "nobody@example.com"} {
		i := 0
		l.until(5, func() *answer {
			i++
			return l.do("POST", "/auth/register", login(email, "password"), client(i))
		}).limited()
	}
	l.until(20, func() *answer { return l.do("POST", "/auth/register", login("x", "x"), from("198.51.100.1")) }).limited()
}

func TestGoodTokensCountPerSession(t *testing.T) {
	l := open(t, nil)
	l.exhaust(ratelimit.Anonymous, here) // an office whose strangers have used up theirs
	u := l.AddStranger()
	d := l.again(u)
	a := l.until(600, func() *answer { return l.do("GET", "/auth/me", nil, d.bearer()) })
	a.limited()
	if a.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After %s; a place comes back in 100 ms", a.header.Get("Retry-After"))
	}
	l.do("GET", "/auth/me", nil, l.again(u).bearer()).is(200)
	l.Advance(100 * time.Millisecond)
	l.do("GET", "/auth/me", nil, d.bearer()).is(200)
}

func TestBadTokensCountPerAddress(t *testing.T) {
	l := open(t, proxied)
	d := l.enter()
	i := 0
	l.until(100, func() *answer {
		i++
		if i%2 == 0 {
			return l.do("POST", "/auth/refresh", doc{"refresh_token": "ghr_" + strconv.Itoa(i)}, from("192.0.2.1"))
		}
		return l.do("GET", "/auth/me", nil, with("Authorization", "Bearer x"+strconv.Itoa(i)), from("192.0.2.1"))
	}).limited()
	l.do("GET", "/auth/me", nil, from("192.0.2.1")).limited()
	l.do("POST", "/auth/refresh", nil, cookie("x"), sameOrigin, from("192.0.2.1")).limited()
	l.do("POST", "/auth/logout", doc{"refresh_token": "x"}, from("192.0.2.1")).limited()
	l.do("GET", "/auth/options", nil, from("192.0.2.1")).limited()
	l.do("GET", "/auth/me", nil, d.bearer(), from("192.0.2.1")).is(200)
	l.do("POST", "/auth/refresh", doc{"refresh_token": d.Refresh}, from("192.0.2.1")).is(200)
	l.do("GET", "/auth/me", nil, from("192.0.2.2")).problem(401, "unauthenticated")
	for _, path := range []string{"/healthz", "/readyz", "/", "/docs", "/openapi.json", "/.well-known/jwks.json"} {
		l.do("GET", path, nil, from("192.0.2.1")).is(200)
	}
}

// TestAnOfficeThatWakesWithExpiredTokensIsNotLimited (R7): the signatures are good and the sessions recorded.
func TestAnOfficeThatWakesWithExpiredTokensIsNotLimited(t *testing.T) {
	l := open(t, nil)
	u := l.AddStranger()
	var office []in
	for range 30 {
		office = append(office, l.again(u))
	}
	kicked := office[0]
	l.kick(kicked)
	l.Advance(10 * time.Hour)
	for range 5 {
		l.do("GET", "/auth/me", nil, kicked.bearer()).problem(401, "session_revoked")
		l.do("POST", "/auth/refresh", doc{"refresh_token": kicked.Refresh}).problem(401, "session_revoked")
		for _, d := range office[1:] {
			l.do("GET", "/auth/me", nil, d.bearer()).problem(401, "token_expired")
		}
	}
	for _, d := range office[1:] {
		l.do("POST", "/auth/refresh", doc{"refresh_token": d.Refresh}).is(200)
	}
	l.until(100, func() *answer { return l.do("GET", "/auth/me", nil) }).limited()
}

func TestAStoreThatIsAwayIsNobodysAttempt(t *testing.T) {
	l := open(t, nil)
	d := l.enter()
	_ = l.Store.Close()
	l.until(150, func() *answer { return l.do("POST", "/auth/refresh", doc{"refresh_token": d.Refresh}) }).problem(503, "unavailable")
	l.do("GET", "/auth/me", nil).problem(401, "unauthenticated")
}

func TestPasswordsOfSomebodySignedInCountPerSession(t *testing.T) {
	l := open(t, nil)
	u := l.AddUser("ada@example.com")
	l.exhaust(ratelimit.LoginAccount, "ada@example.com")
	l.exhaust(ratelimit.LoginAddress, here)
	d, other := l.again(u), l.again(u)
	i := 0
	l.until(5, func() *answer {
		if i++; i%2 == 0 {
			return l.do("POST", "/auth/password", doc{"current_password": "wrong", "new_password": "quite another one"}, d.bearer())
		}
		return l.do("POST", "/auth/reauthenticate", doc{"password": "wrong"}, d.bearer())
	}).limited()
	l.do("POST", "/auth/reauthenticate", doc{"password": rulestest.Password}, d.bearer()).limited()
	for range 6 { // a good one gives its place back
		l.do("POST", "/auth/reauthenticate", doc{"password": rulestest.Password}, other.bearer()).is(200)
	}
}

func TestLimitsCanBeOff(t *testing.T) {
	l := open(t, unlimited)
	l.until(150, func() *answer { return l.do("GET", "/auth/me", nil) }).problem(401, "unauthenticated")
	l.until(30, func() *answer { return l.do("POST", "/auth/login", login("nobody", "x")) }).invalid("email")
}
