package oauth_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-dev/gatehouse/internal/config"
	"github.com/gatehouse-dev/gatehouse/internal/oauth"
)

// serve is the providers of a configuration in which both are at the handler.
func serve(t *testing.T, h http.HandlerFunc) map[string]oauth.Provider {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	cfg, err := config.Load([]string{
		"--oauth-google-issuer=" + server.URL, "--oauth-google-client-id=google", "--oauth-google-client-secret=secret-g",
		"--oauth-github-url=" + server.URL, "--oauth-github-api-url=" + server.URL, "--oauth-github-client-id=github", "--oauth-github-client-secret=secret-h",
	}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return oauth.Providers(cfg)
}

func discovery(w http.ResponseWriter, r *http.Request) bool {
	if r.URL.Path != "/.well-known/openid-configuration" {
		return false
	}
	issuer := "http://" + r.Host
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":%q,"jwks_uri":%q}`, issuer, issuer+"/authorize", issuer+"/token", issuer+"/keys")
	return true
}

func TestNothingIsFetchedBeforeTheFirstSignIn(t *testing.T) {
	var asked atomic.Int64
	ps := serve(t, func(w http.ResponseWriter, r *http.Request) { asked.Add(1); discovery(w, r) })
	if len(ps) != 2 || asked.Load() != 0 {
		t.Fatalf("%d providers, asked %d times", len(ps), asked.Load())
	}
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			a := oauth.NewAttempt()
			a.State = "state"
			to, err := ps[oauth.Google].AuthorizeURL(t.Context(), a)
			if err != nil || !strings.Contains(to, "/authorize?") || !strings.Contains(to, "nonce="+a.Nonce) || strings.Contains(to, a.Verifier) {
				t.Errorf("%s, %v", to, err)
			}
		})
	}
	all.Wait()
	if asked.Load() != 1 {
		t.Errorf("asked %d times by 16 who came together", asked.Load())
	}
}

// TestWhoeverAskedFirstAndLeftDoesNotFailTheOthers: the answer is for all that wait.
func TestWhoeverAskedFirstAndLeftDoesNotFailTheOthers(t *testing.T) {
	asked, goOn := make(chan bool, 1), make(chan bool)
	ps := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		<-goOn
		discovery(w, r)
	})
	ctx, leave := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := ps[oauth.Google].AuthorizeURL(ctx, oauth.NewAttempt())
		failed <- err
	}()
	<-asked
	leave()
	close(goOn)
	if err := <-failed; err != nil {
		t.Errorf("the request went on, but %v", err)
	}
	if _, err := ps[oauth.Google].AuthorizeURL(t.Context(), oauth.NewAttempt()); err != nil {
		t.Error(err)
	}
}

// TestErrorsRepeatNeitherCodeNorSecret, which are still good when only the network failed. They go to the log.
func TestErrorsRepeatNeitherCodeNorSecret(t *testing.T) {
	for name, answer := range map[string]func(w http.ResponseWriter, r *http.Request){
		"refused": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, `{"error":"invalid_grant","error_description":%q}`, body)
		},
		"refused with 200": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"error":"bad_verification_code","error_description":%q}`, body)
		},
		"broken off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"no JSON": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			_, _ = w.Write(body)
		},
	} {
		ps := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if !discovery(w, r) {
				answer(w, r)
			}
		})
		for which, p := range ps {
			a := oauth.NewAttempt()
			_, err := p.Identify(t.Context(), a, "the-code")
			if err == nil {
				t.Fatalf("%s at %s: identified", name, which)
			}
			for _, secret := range []string{"the-code", "secret-", a.Verifier} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s at %s: %v", name, which, err)
				}
			}
		}
	}
}

func TestAnswersOfGitHubAreBounded(t *testing.T) {
	ps := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Path == "/login/oauth/access_token" {
			_, _ = io.WriteString(w, `{"access_token":"t","token_type":"bearer"}`)
			return
		}
		_, _ = io.WriteString(w, `{"id":1,"login":"`+strings.Repeat("x", 2<<20)+`"}`)
	})
	if _, err := ps[oauth.GitHub].Identify(t.Context(), oauth.NewAttempt(), "code"); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("%v", err)
	}
}
