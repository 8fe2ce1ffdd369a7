package config

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestSecretIsReadInEveryForm(t *testing.T) {
	want := bytes.Repeat([]byte{0xfb, 0xef, 0xff, 0x01}, 8) // its base64 has the letters in which the alphabets differ
	for _, text := range []string{
		fmt.Sprintf("%x", want), fmt.Sprintf("%X", want),
		base64.StdEncoding.EncodeToString(want), base64.RawStdEncoding.EncodeToString(want),
		base64.URLEncoding.EncodeToString(want), base64.RawURLEncoding.EncodeToString(want),
		" " + base64.StdEncoding.EncodeToString(want) + "\n",
	} {
		got, err := parseSecret(text)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("parseSecret(%q): %v", text, err)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	c := load(t, nil, "GATEHOUSE_SECRET="+hexSecret, "GATEHOUSE_SMTP_URL=smtp://u:hunter2@host")
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", c.Secret, "config", c)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", c.Secret, "config", c)
	encoded, err := json.Marshal(c.Secret)
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %x %d %q %v %+v %#v", c.Secret, c.Secret, c.Secret, c.Secret, c.Secret, c.Secret, c.Secret, c, &c, c)
	for _, text := range []string{log.String(), string(encoded), printed} {
		for _, leak := range []string{"hunter2", hexSecret[2:20], "1 2 3", "AAEC", `\x01`} {
			if strings.Contains(text, leak) {
				t.Errorf("%q holds %q", text, leak)
			}
		}
	}
}

func storeIn(dir string) Config {
	return Config{Store: sqlitePrefix + filepath.Join(dir, "gatehouse.db")}
}

func mode(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestSecretFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first, err := storeIn(dir).LoadSecret()
	if err != nil {
		t.Fatal(err)
	}
	again, err := storeIn(dir).LoadSecret()
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 32 || !bytes.Equal(first, again) {
		t.Errorf("the second start has another secret, or one of %d bytes", len(first))
	}
	if f, d := mode(t, filepath.Join(dir, "secret")), mode(t, dir); f != 0o600 || d != 0o700 {
		t.Errorf("file mode %o, folder mode %o", f, d)
	}
	other, err := storeIn(t.TempDir()).LoadSecret()
	if err != nil || bytes.Equal(first, other) {
		t.Errorf("another folder has the same secret (%v)", err)
	}
}

func TestStartsAtOnceAgreeOnASecret(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	got := make([]Secret, 16)
	errs := make([]error, len(got))
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() { got[i], errs[i] = storeIn(dir).LoadSecret() })
	}
	wg.Wait()
	for i := range got {
		if errs[i] != nil || !bytes.Equal(got[i], got[0]) {
			t.Fatalf("start %d has another secret (%v)", i, errs[i])
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("left behind: %v (%v)", files, err)
	}
}

func TestConfiguredSecretNeedsNoFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	c := storeIn(dir)
	c.Secret = bytes.Repeat([]byte{7}, 32)
	got, err := c.LoadSecret()
	if err != nil || !bytes.Equal(got, c.Secret) {
		t.Fatalf("another secret (%v)", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a folder was made")
	}
}

func TestSecretFileErrorsNameTheVariable(t *testing.T) {
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "secret"), []byte("hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(broken, "secret")
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"broken file":     {storeIn(broken), "GATEHOUSE_SECRET"},
		"no folder there": {storeIn(filepath.Join(file, "below")), "GATEHOUSE_STORE"},
		"MongoDB":         {Config{Store: "mongodb://host/db"}, "GATEHOUSE_SECRET"},
	} {
		_, err := c.config.LoadSecret()
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want an error with %s", name, err, c.want)
		}
	}
}
