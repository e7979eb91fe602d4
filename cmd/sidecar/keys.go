package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hearthcache/hearth/internal/keyring"
)

// ensureKeysFile makes a keys file with one generated key that may do everything,
// unless the file is there already: clients keep their settings over a restart.
func ensureKeysFile(file string) (err error) {
	if _, err := os.Stat(file); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("generated keys: %w", err)
	}
	k := keyring.Generate()
	body := fmt.Sprintf("# Made at the first start, for the clients of this store.\nkeys:\n  - access_key: %s\n    secret_key: %s\n",
		k.AccessKey, string(k.Secret))
	// Written beside and renamed, so that a crash never leaves half a file.
	tmp, err := os.CreateTemp(filepath.Dir(file), keysName+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("generated keys: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(tmp.Name()) // it may never have been complete
		}
	}()
	_, err = tmp.WriteString(body)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fmt.Errorf("generated keys: %w", err)
	}
	if err = os.Rename(tmp.Name(), file); err != nil {
		return fmt.Errorf("generated keys: %w", err)
	}
	return nil
}
