package config

import (
	"os"
	"strings"
)

// ReadAdminToken returns the token of the admin API, from admin-token or from
// admin-token-file, which is read now; empty for none.
func (l *Loaded) ReadAdminToken() (string, error) {
	if l.AdminTokenFile == "" {
		return l.AdminToken, nil
	}
	text, err := os.ReadFile(l.AdminTokenFile)
	if err != nil {
		return "", l.Fault("admin-token-file", "%v", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", l.Fault("admin-token-file", "%s is empty", l.AdminTokenFile)
	}
	return token, nil
}
