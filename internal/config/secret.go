package config

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	secretBytes = 32
	secretFile  = "secret"
)

var errSecret = errors.New("must be 32 bytes in base64 or hex, as `openssl rand -base64 32` makes them")

// Secret is a master secret of 32 bytes. It never prints.
type Secret []byte

// Format prints no byte of it.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, "[secret]") }

// MarshalText encodes no byte of it.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

func secret(field func(*Config) *Secret) setter {
	return func(c *Config, value string) (err error) {
		*field(c), err = parseSecret(value)
		return err
	}
}

// parseSecret takes hex, and base64 of both alphabets, padded or not.
func parseSecret(value string) (Secret, error) {
	value = strings.TrimSpace(value)
	if len(value) == hex.EncodedLen(secretBytes) {
		if b, err := hex.DecodeString(value); err == nil {
			return b, nil
		}
	}
	value = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(value, "="))
	b, err := base64.RawURLEncoding.DecodeString(value)
	if err != nil || len(b) != secretBytes {
		return nil, errSecret
	}
	return b, nil
}

// SecretFile is the file beside the database that holds the secret, unless it is configured.
func (c Config) SecretFile() (path string, ok bool) {
	database, file := c.SQLitePath()
	if c.Secret != nil || !file {
		return "", false
	}
	return filepath.Join(filepath.Dir(database), secretFile), true
}

// LoadSecret is the configured secret or, with SQLite, the one in the file beside the database. A missing file is
// made, readable by its owner only; processes that start at once agree on one.
func (c Config) LoadSecret() (Secret, error) {
	if c.Secret != nil {
		return c.Secret, nil
	}
	database, ok := c.SQLitePath()
	if !ok {
		return nil, errors.New("GATEHOUSE_SECRET must be set when GATEHOUSE_STORE is MongoDB")
	}
	dir := filepath.Dir(database)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("GATEHOUSE_STORE: make its folder: %w", err)
	}
	path := filepath.Join(dir, secretFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := makeSecret(path); err != nil {
			return nil, fmt.Errorf("GATEHOUSE_SECRET is not set and no file can be made for one: %w", err)
		}
	}
	return readSecret(path)
}

func readSecret(path string) (Secret, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("GATEHOUSE_SECRET is not set: %w", err)
	}
	s, err := parseSecret(string(text))
	if err != nil {
		return nil, fmt.Errorf("GATEHOUSE_SECRET is not set and the content of %s %w", path, err)
	}
	return s, nil
}

// makeSecret puts a new secret at path, whole or not at all. Where another process was first, its secret stays:
// a link, unlike a rename, never replaces.
func makeSecret(path string) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, secretFile+".*") // 0600, O_EXCL
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := writeSecret(f); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncFolder(dir)
}

func writeSecret(f *os.File) error {
	b := make([]byte, secretBytes)
	rand.Read(b)
	_, err := f.WriteString(base64.StdEncoding.EncodeToString(b) + "\n")
	return errors.Join(err, f.Sync(), f.Close())
}

// syncFolder makes the link outlive a crash of the machine.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
