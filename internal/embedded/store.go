package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

var (
	// ErrRunning: another Store of this process runs.
	ErrRunning = errors.New("embedded: a store is already running in this process")
	// ErrNotBuilt: the binary was built with the tag noembedded.
	ErrNotBuilt = errors.New("embedded: this build has no embedded store (tag noembedded)")
)

// Options says what to serve.
type Options struct {
	// Dir holds the buckets; made if it is not there. Required.
	Dir string
	// AccessKey and SecretKey are the keys that requests are signed with.
	// Default: random ones, made anew by every Start.
	AccessKey, SecretKey string
	// Region that requests are signed for. Default "us-east-1".
	Region string
	// Logger receives the lifecycle; nil discards.
	Logger *slog.Logger

	noXattr bool // keep attributes in files, in tests
}

func (o Options) withDefaults() Options {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) validate() error {
	if o.Dir == "" {
		return errors.New("embedded: no directory")
	}
	if (o.AccessKey == "") != (o.SecretKey == "") {
		return errors.New("embedded: access key and secret key go together")
	}
	return nil
}

// A Store is a running server. Its fields do not change.
type Store struct {
	// Endpoint is the server's URL, "http://127.0.0.1:port".
	Endpoint string
	// AccessKey and SecretKey are the keys to sign with.
	AccessKey, SecretKey string
	// Region to sign for.
	Region string
	// Dir is the absolute path of the directory served.
	Dir string
	// Identity names what is served: the same after a restart, when the port is
	// another. It is for origin.Config.Identity.
	Identity string

	running *server
}

// EnsureBucket makes a bucket unless it is there. Safe for concurrent use.
func (s *Store) EnsureBucket(name string) error {
	if len(name) < 3 || len(name) > 63 || name[0] == '.' || name != filepath.Base(name) {
		return fmt.Errorf("embedded: bucket name %q", name)
	}
	if err := os.MkdirAll(filepath.Join(s.Dir, name), 0o755); err != nil {
		return fmt.Errorf("embedded: make bucket: %w", err)
	}
	return nil
}

// Close ends the server, waits until it is gone, and goes back to the working
// directory from before Start. Answers under way are finished first, for at most
// ten seconds. Calling it again returns the same error.
func (s *Store) Close() error {
	return s.running.close()
}
