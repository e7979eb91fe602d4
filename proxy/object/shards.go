package object

import (
	"context"
	"strings"

	"github.com/hearthcache/hearth/lance/memwal"
)

// Shards asks the origin for the shards of a table, by the names of their directories. An
// origin that cannot list by directory is asked for all that lies below them.
func (s *Service) Shards(ctx context.Context, bucket, table string) ([]string, error) {
	_, shards, err := s.Folder(ctx, bucket, strings.TrimSuffix(table, "/")+"/"+memwal.Dir+"/")
	return shards, err
}
