package token

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// slowly is what read has to find, by the library alone: member after member, each decoded for itself.
func slowly(body []byte) (c Claims, ok bool) {
	if !json.Valid(body) {
		return c, false
	}
	members := map[string]json.RawMessage{}
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return c, false
	}
	for d.More() {
		t, err := d.Token()
		name, isText := t.(string)
		var value json.RawMessage
		if _, twice := members[name]; err != nil || !isText || twice || d.Decode(&value) != nil {
			return c, false
		}
		members[name] = value
	}
	var p payload
	into := map[string]any{
		"iss": &p.Issuer, "aud": &p.Audience, "sub": &p.Subject, "sid": &p.SessionID, "iat": &p.IssuedAt, "exp": &p.Expires, "roles": &p.Roles,
		"aal": &p.AAL, "amr": &p.AMR, "auth_time": &p.AuthTime, "epoch": &p.Epoch, "gen": &p.Generation, "owes": &p.Owes,
	}
	for name, at := range into {
		value, there := members[name]
		if !there && name == "owes" {
			continue
		}
		if !there || string(value) == "null" || json.Unmarshal(value, at) != nil {
			return c, false
		}
	}
	at := func(n int64) time.Time { return time.Unix(n, 0).UTC() }
	return Claims{
		Issuer: p.Issuer, Audience: p.Audience, Subject: p.Subject, SessionID: p.SessionID, IssuedAt: at(p.IssuedAt), Expires: at(p.Expires),
		Roles: p.Roles, AAL: p.AAL, AMR: p.AMR, AuthTime: at(p.AuthTime), Epoch: p.Epoch, Generation: p.Generation, Owes: p.Owes,
	}, true
}

// spellings are bodies that say the same as one of Sign's in other ways, or nearly.
func spellings(body string) []string {
	first := func(old, new string) string { return strings.Replace(body, old, new, 1) }
	return []string{
		body, " \t\r\n" + strings.ReplaceAll(body, ",", " ,\n ") + " ", strings.ReplaceAll(body, ":", " :\t"),
		first(`"sub"`, `"\u0073ub"`), first(`"user"`, `"\u0075ser"`), first(`"gatehouse"`, `"gate\u0068ouse"`), first(`"sub"`, `"SUB"`),
		first("{", `{"later":{"sub":"x","a":[1,{"b":"}]\\\""}]},"b":[],"c":{},"d":-1.5e3,"e":true,"f":null,"g":"\"",`),
		first("{", `{"later":1,"later":2,`), first("{", `{"later":1,"l\u0061ter":2,`), first("{", `{"sub":"usr_1",`), first("{", `{"":0,`),
		first("{", "{\"\xff\":1,\"\xfe\":2,"), first(`"user"`, `null`), first(`"user"`, `1`), first(`"user"`, `["user"]`), first(`["user"`, `[ "user" `),
		first(`"aal":2`, `"aal":2.0`), first(`"aal":2`, `"aal":"2"`), first(`"aal":2`, `"aal":-0`), first(`"aal":2`, `"aal":true`), first(`"aal":2`, `"aal":02`),
		first(`"aal":2`, `"aal":99999999999999999999`), first(`"owes":"mfa"`, `"owes":"setup"`), first(`"owes":"mfa"`, `"owes":""`), first(`"owes":"mfa"`, `"x":0`),
		first(`"owes":"mfa"`, `"owes":null`), first(`"owes":"mfa"`, `"owes":["mfa"]`), first(`"iss":"`, `"iss":"é\ud83d\ude00\ud800`), "{}", "{ }", "[]", `"x"`, "1", "", " ",
		body + body, body + "x", body[:len(body)-1], strings.TrimSuffix(body, "}") + ",}",
	}
}

func TestReadAgainstTheLibrary(t *testing.T) {
	keys := testKeys(t)
	for range 2 { // the second time its lists are known
		for _, body := range spellings(goodBody(t, keys, nil)) {
			sameRead(t, keys, []byte(body))
		}
	}
}

func sameRead(t *testing.T, keys *Keys, body []byte) {
	t.Helper()
	want, ok := slowly(body)
	var got Claims
	err := keys.read(&got, body)
	if (err == nil) != ok || ok && !reflect.DeepEqual(got, want) {
		t.Errorf("%s\nread  %+v, %v\nought %+v, %v", body, got, err, want, ok)
	}
}

func FuzzRead(f *testing.F) {
	keys := testKeys(f)
	for _, body := range spellings(goodBody(f, keys, nil)) {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) { sameRead(t, keys, body) })
}

// TestListsAreSharedAndNotGrown: sockets that hold on to roles share them, and appending to one changes no other.
func TestListsAreSharedAndNotGrown(t *testing.T) {
	keys := testKeys(t)
	c := claims()
	first, err := keys.Verify(mustSign(t, keys, c), start)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(first.Roles, "owner")
	second, err := keys.Verify(mustSign(t, keys, c), start)
	if err != nil || &first.Roles[0] != &second.Roles[0] || !slices.Equal(append(second.Roles, "x"), append(slices.Clone(c.Roles), "x")) {
		t.Errorf("lists %v and %v, %v", first.Roles, second.Roles, err)
	}
	for i := range 2 * maxLists {
		var into []string
		if !keys.lists.take(&into, value(`["`+strings.Repeat("x", i)+`"]`)) || len(into[0]) != i {
			t.Fatalf("list %d: %q", i, into)
		}
	}
	if n := len(keys.lists.byText); n > maxLists {
		t.Errorf("%d lists are kept", n)
	}
}
