package object

import (
	"context"
	"strings"

	"github.com/hearthcache/hearth/internal/origin"
	"github.com/hearthcache/hearth/lance/memwal"
)

// pager is an origin that lists by directory.
type pager interface {
	ListPage(ctx context.Context, req origin.ListRequest) (*origin.ListPage, error)
}

// Shards asks the origin for the shards of a table, by the names of their directories. An
// origin that cannot list by directory is asked for all that lies below them.
func (s *Service) Shards(ctx context.Context, bucket, table string) ([]string, error) {
	prefix := strings.TrimSuffix(table, "/") + "/" + memwal.Dir + "/"
	var shards []string
	add := func(key string) {
		name, _, dir := strings.Cut(key[len(prefix):], "/")
		if dir && name != "" && (len(shards) == 0 || shards[len(shards)-1] != name) {
			shards = append(shards, name)
		}
	}
	p, ok := s.origin.(pager)
	if !ok {
		err := s.origin.List(ctx, bucket, prefix, func(e origin.Entry) error { add(e.Key); return nil })
		return shards, err
	}
	request := origin.ListRequest{Bucket: bucket, Prefix: prefix, Delimiter: "/"}
	for {
		page, err := p.ListPage(ctx, request)
		if err != nil {
			return nil, err
		}
		for _, common := range page.CommonPrefixes {
			add(common)
		}
		if page.NextToken == "" {
			return shards, nil
		}
		request.Token = page.NextToken
	}
}
