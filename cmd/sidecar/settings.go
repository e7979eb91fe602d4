package main

import (
	"errors"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/hearthcache/hearth/internal/config"
	"github.com/hearthcache/hearth/internal/keyring"
	"github.com/hearthcache/hearth/proxy/class"
	"github.com/hearthcache/hearth/proxy/snapshot"
)

// settings are the loaded configuration and what was made of it that can be wrong.
type settings struct {
	*config.Loaded
	rules      []class.Rule
	tables     []snapshot.Table
	adminToken string
	certs      map[string]*certificate // by listener; absent means plain HTTP
}

// loadSettings reads every layer and everything that they name, and refuses what
// does not fit. Its error joins all problems; the settings are returned even then,
// as far as they go, for check-config to show.
func (p *process) loadSettings(flags *pflag.FlagSet) (*settings, error) {
	loaded, err := config.Load(config.Input{Flags: flags, Environ: p.environ, Dir: p.dir})
	s := &settings{Loaded: loaded, certs: map[string]*certificate{}}
	if err != nil {
		return s, err // a value that did not parse makes every further check guess
	}
	faults := []error{loaded.Validate(embeddedBuild())}
	collect := func(err error) { faults = append(faults, err) }

	s.rules, err = compileRules(loaded)
	collect(err)
	s.tables, err = compileTables(loaded)
	collect(err)
	s.adminToken, err = loaded.ReadAdminToken()
	collect(err)
	collect(checkKeys(loaded))
	for _, l := range []struct{ name, prefix, cert, key string }{
		{listenerS3, "", loaded.TLSCert, loaded.TLSKey},
		{listenerAdmin, "admin-", loaded.AdminTLSCert, loaded.AdminTLSKey},
		{listenerOps, "ops-", loaded.OpsTLSCert, loaded.OpsTLSKey},
	} {
		if l.cert == "" || l.key == "" {
			continue
		}
		c := &certificate{certFile: l.cert, keyFile: l.key}
		if err := c.load(); err != nil {
			collect(loaded.Fault(l.prefix+"tls-cert", "%v", err))
		}
		s.certs[l.name] = c
	}
	return s, errors.Join(faults...)
}

// compileRules turns the operator's rules into those of package class.
func compileRules(l *config.Loaded) ([]class.Rule, error) {
	var rules []class.Rule
	var faults []error
	for i, r := range l.Rules {
		c, err := class.Parse(r.Class)
		if err != nil {
			faults = append(faults, l.Fault("rules", "rule %d (%s): %v", i+1, r.Match, err))
			continue
		}
		rule := class.Rule{Match: r.Match, Class: c, MaxAge: r.MaxAge}
		rules = append(rules, rule)
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if _, err := class.New(rules); err != nil {
		return nil, l.Fault("rules", "%v", err)
	}
	return rules, nil
}

// compileTables turns the tables of the configuration into those of package snapshot.
// Their ages were checked when it was loaded.
func compileTables(l *config.Loaded) ([]snapshot.Table, error) {
	var tables []snapshot.Table
	for i, t := range l.Tables {
		if _, err := class.ParsePattern(t.Match); err != nil && t.Match != "" {
			return nil, l.Fault("tables", "table %d (%s): %v", i+1, t.Match, err)
		}
		tables = append(tables, snapshot.Table{Match: t.Match, MaxAge: t.MutableMaxAge})
	}
	return tables, nil
}

// givenKeys are the client keys that stand in the configuration itself.
func givenKeys(l *config.Loaded) []keyring.Key {
	if l.AccessKey == "" {
		return nil
	}
	return []keyring.Key{{AccessKey: l.AccessKey, Secret: keyring.Secret(l.SecretKey)}}
}

// checkKeys finds what is wrong with the client keys.
func checkKeys(l *config.Loaded) error {
	var faults []error
	given := givenKeys(l)
	if _, err := keyring.New(keyring.Options{Keys: given}); err != nil && l.SecretKey != "" {
		faults = append(faults, l.Fault("access-key", "%v", err))
		given = nil // judge the file by itself
	}
	if l.KeysFile != "" {
		if _, err := keyring.New(keyring.Options{Keys: given, File: l.KeysFile}); err != nil {
			faults = append(faults, l.Fault("keys-file", "%v", err))
		}
	}
	return errors.Join(faults...)
}

// originDir returns the absolute directory of the embedded store, or "".
func (p *process) originDir(o config.Origin) string {
	if o.Kind != config.OriginDir || filepath.IsAbs(o.Dir) {
		return o.Dir
	}
	return filepath.Join(p.dir, o.Dir)
}
