//go:build !noembedded

package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hearthcache/hearth/internal/demo"
	"github.com/hearthcache/hearth/lance/inspect"
	"github.com/hearthcache/hearth/proxy/publication"
)

// playTable reads all objects below the prefix that --table names, cold and warmed, and compares.
func (s *demoStage) playTable(ctx context.Context, _ *process, o demoOptions) error {
	paths, err := s.objectsBelow(ctx, o.table)
	if err != nil {
		return err
	}
	endpoint := s.server.url(listenerS3)
	row := demo.Row{Name: "all objects"}
	s.forget()
	s.reset()
	if row.Cold, err = demo.Walk(ctx, endpoint, paths); err != nil {
		return err
	}
	row.AtCold = s.counts()
	s.say("  cold    %4d requests  %5.2f s\n", row.Cold.Requests, row.Cold.Elapsed.Seconds())

	s.forget()
	// A query process that runs already has read the shard manifests.
	manifests := slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return !strings.HasSuffix(path, ".binpb") })
	if _, err := demo.Walk(ctx, endpoint, manifests); err != nil {
		return err
	}
	s.reset()
	start := time.Now()
	receipt, err := s.warm(ctx, o.table)
	if err != nil {
		return err
	}
	counts := s.counts()
	s.say("  warmed  %d objects, %s, with %d origin requests in %.2f s\n",
		receipt.Objects, inspect.SizeText(receipt.ResidentBytes), counts.Immutable+counts.Mutable, time.Since(start).Seconds())

	s.reset()
	if row.Warm, err = demo.Walk(ctx, endpoint, paths); err != nil {
		return err
	}
	row.AtWarmed = s.counts()
	s.say("\n")
	if err := demo.Report(s.out, []demo.Row{row}); err != nil {
		return err
	}
	if !row.Equal() {
		return fmt.Errorf("the answers differ")
	}
	return nil
}

// objectsBelow lists what lies below s3://bucket/prefix, as paths of URLs.
func (s *demoStage) objectsBelow(ctx context.Context, table string) ([]string, error) {
	u, err := url.Parse(table)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return nil, fmt.Errorf("%w: --table %q is not s3://bucket/prefix", errUsage, table)
	}
	s.buckets = []string{u.Host}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	var paths []string
	var bytes int64
	err = s.server.objects.List(ctx, u.Host, prefix, func(e publication.Entry) error {
		paths = append(paths, "/"+u.Host+"/"+e.Key)
		bytes += e.Size
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", table, err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("there is nothing below %s", table)
	}
	s.say("%d objects, %s, below %s at %s.\n\n", len(paths), inspect.SizeText(bytes), table, s.server.settings.Origin)
	return paths, nil
}
