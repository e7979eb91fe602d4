//go:build noembedded

package embedded

import "context"

type server struct{}

func (*server) close() error { return nil }

// Start returns ErrNotBuilt: this build has no server.
func Start(context.Context, Options) (*Store, error) { return nil, ErrNotBuilt }
