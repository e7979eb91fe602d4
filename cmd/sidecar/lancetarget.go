package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hearthcache/hearth/internal/config"
	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/internal/originstore"
	"github.com/hearthcache/hearth/lance/memwal"
	"github.com/hearthcache/hearth/lance/storage"
)

// lanceSettings are the settings of serve that say where s3:// paths are read.
var lanceSettings = []string{
	config.FileFlag, "origin", "origin-region", "origin-path-style", "origin-timeout", "origin-idle-timeout", "origin-tries",
	"buckets", "access-key", "secret-key",
}

// lanceHelp explains them.
const lanceHelp = `
A path is a file or directory, or s3://BUCKET/PREFIX at the origin that serve would
use, with the credentials of the AWS SDK: flags, HEARTH_ variables and the YAML file
count as they do for serve, and an origin dir:PATH is read in place. With --endpoint
it is read through a running Hearth instead, which answers from its cache where it
can; requests are then signed with --access-key and --secret-key or else with
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.`

// lanceFlags are what the commands that read Lance data share.
type lanceFlags struct {
	endpoint string
	version  uint64
}

// lanceFlags adds the flags to cmd.
func (p *process) lanceFlags(cmd *cobra.Command) *lanceFlags {
	f := &lanceFlags{}
	cmd.Flags().Uint64Var(&f.version, "version", 0, "version of a table; 0 is the latest")
	f.addStore(cmd)
	return f
}

// addStore adds the flags that say where paths are read.
func (f *lanceFlags) addStore(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.endpoint, "endpoint", "", "URL of a running Hearth to read s3:// paths through, such as http://127.0.0.1:9000")
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	config.AddFlags(all)
	for _, name := range lanceSettings {
		fs.AddFlag(all.Lookup(name))
	}
	fs.SortFlags = false
}

// A lanceTarget is a path in a store.
type lanceTarget struct {
	store storage.Store
	path  string
	close func()
}

// open finds the store of a path that a person typed. The caller closes the target.
func (f *lanceFlags) open(ctx context.Context, p *process, cmd *cobra.Command, arg string) (*lanceTarget, error) {
	if strings.HasPrefix(arg, "s3://") {
		if err := s3Path(cmd, arg); err != nil {
			return nil, err
		}
		bucket, key, _ := strings.Cut(strings.TrimPrefix(arg, "s3://"), "/")
		key = strings.TrimRight(key, "/")
		if err := storage.CheckPath(key); err != nil {
			return nil, usage(cmd, fmt.Errorf("%q is no clean path: empty, . and .. elements are not read", arg))
		}
		return f.openBucket(ctx, p, cmd, bucket, key)
	}
	if arg == "" {
		return nil, usage(cmd, errors.New("the path is empty"))
	}
	if !filepath.IsAbs(arg) {
		arg = filepath.Join(p.dir, arg)
	}
	return openLocal(arg)
}

// openLocal roots the store at the table that the path lies in, where its shape tells, so that what belongs together can be
// read together.
func openLocal(name string) (*lanceTarget, error) {
	name, err := filepath.Abs(name)
	if err == nil {
		name, err = filepath.EvalSymlinks(name)
	}
	var info os.FileInfo
	if err == nil {
		info, err = os.Stat(name)
	}
	if err != nil {
		if cause := (*os.PathError)(nil); errors.As(err, &cause) {
			err = cause.Err // the path is named anyway
		}
		return nil, err
	}
	root := name
	if !info.IsDir() {
		root = filepath.Dir(name)
		if filepath.Base(root) == "_versions" {
			root = filepath.Dir(root)
		}
	}
	if table, _, _, ok := memwal.ParseShardPath(filepath.ToSlash(name)); ok && table != "" {
		root = filepath.FromSlash(table)
	}
	rel, err := filepath.Rel(root, name)
	if err != nil {
		return nil, err
	}
	return dirTarget(root, filepath.ToSlash(rel))
}

func dirTarget(root, path string) (*lanceTarget, error) {
	dir, err := storage.NewDir(root)
	if err != nil {
		return nil, err
	}
	if path == "." {
		path = ""
	}
	return &lanceTarget{store: dir, path: path, close: func() { _ = dir.Close() }}, nil
}

// openBucket roots the store at a bucket of the origin, or of a running Hearth.
func (f *lanceFlags) openBucket(ctx context.Context, p *process, cmd *cobra.Command, bucket, key string) (*lanceTarget, error) {
	s, err := config.Load(config.Input{Flags: cmd.Flags(), Environ: p.environ, Dir: p.dir})
	if err != nil {
		return nil, err
	}
	if len(s.Buckets) > 0 && !slices.Contains(s.Buckets, bucket) {
		return nil, fmt.Errorf("%w: %s", origin.ErrBucketNotAllowed, bucket)
	}
	o := origin.Config{
		Region: s.OriginRegion, HeaderTimeout: s.OriginTimeout, IdleTimeout: s.OriginIdleTimeout, Tries: s.OriginTries,
		Transport: p.originTransport,
	}
	if s.OriginPathStyle != config.Auto {
		pathStyle := s.OriginPathStyle == config.On
		o.PathStyle = &pathStyle
	}
	if f.endpoint != "" {
		where, err := config.ParseOrigin(f.endpoint)
		if err != nil || where.Kind != config.OriginURL {
			return nil, usage(cmd, errors.New("--endpoint is not a URL such as http://127.0.0.1:9000"))
		}
		o.Endpoint = where.URL.String()
		o.AccessKey, o.SecretKey, o.SessionToken = p.clientKeys(s)
	} else {
		where, err := config.ParseOrigin(s.Origin)
		if err != nil {
			return nil, s.Fault("origin", "%v", err)
		}
		switch where.Kind {
		case config.OriginDir:
			t, err := dirTarget(filepath.Join(p.originDir(where), bucket), key)
			if errors.Is(err, os.ErrNotExist) {
				err = fmt.Errorf("no bucket %s in the origin dir:%s (--origin names another)", bucket, where.Dir)
			}
			return t, err
		case config.OriginAWS:
			o.Endpoint = origin.AWS
		case config.OriginURL:
			o.Endpoint = where.URL.String()
		}
		o.AccessKey, o.SecretKey = p.originAccessKey, p.originSecretKey
	}
	client, err := origin.New(ctx, o)
	if err != nil {
		return nil, err
	}
	store, err := originstore.New(client, bucket, "")
	if err != nil {
		client.Close()
		return nil, err
	}
	return &lanceTarget{store: store, path: key, close: client.Close}, nil
}

// clientKeys are what a client of Hearth signs with. A Hearth without authentication takes any.
func (p *process) clientKeys(s *config.Loaded) (accessKey, secret, token string) {
	if s.AccessKey != "" {
		return s.AccessKey, s.SecretKey, ""
	}
	if id := p.env("AWS_ACCESS_KEY_ID"); id != "" {
		return id, p.env("AWS_SECRET_ACCESS_KEY"), p.env("AWS_SESSION_TOKEN")
	}
	return "nobody", "nobody", ""
}
