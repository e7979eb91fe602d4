package config

import (
	"os"
	"strings"
)

// keysFile is the form of a keys file.
type keysFile struct {
	Keys []Key `name:"keys"`
}

// ReadKeys returns every client key of the configuration: access-key, keys, and
// the content of keys-file, which is read now. readFile nil means os.ReadFile.
func (c Config) ReadKeys(readFile func(string) ([]byte, error)) ([]Key, error) {
	var all []Key
	if c.AccessKey != "" {
		all = append(all, Key{AccessKey: c.AccessKey, SecretKey: c.SecretKey})
	}
	all = append(all, c.Keys...)
	if c.KeysFile == "" {
		return all, nil
	}
	if readFile == nil {
		readFile = os.ReadFile
	}
	text, err := readFile(c.KeysFile)
	if err != nil {
		return nil, &Problem{Where: "keys-file", What: err.Error()}
	}
	var file keysFile
	if err := decodeFile(c.KeysFile, text, &file, nil); err != nil {
		return nil, err
	}
	r := &report{}
	if len(file.Keys) == 0 {
		r.add(c.KeysFile, "it names no keys")
	}
	for _, p := range checkKeys(append(all, file.Keys...)) {
		r.add(c.KeysFile, "%s", p)
	}
	return append(all, file.Keys...), r.err()
}

// ReadAdminToken returns the token of the admin API, from admin-token or from
// admin-token-file, which is read now; empty for none.
func (c Config) ReadAdminToken(readFile func(string) ([]byte, error)) (string, error) {
	if c.AdminTokenFile == "" {
		return c.AdminToken, nil
	}
	if readFile == nil {
		readFile = os.ReadFile
	}
	text, err := readFile(c.AdminTokenFile)
	if err != nil {
		return "", &Problem{Where: "admin-token-file", What: err.Error()}
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", &Problem{Where: c.AdminTokenFile, What: "it is empty, where an admin token should be"}
	}
	return token, nil
}
