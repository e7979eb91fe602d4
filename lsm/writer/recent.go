package writer

import (
	"context"

	"github.com/hearthcache/hearth/lsm/recent"
)

var _ recent.Source = (*Writer)(nil)

// Runs implements recent.Source with what the shards that are held have in memory. A shard that was lost is empty from when
// it is claimed again until its log has been replayed.
func (w *Writer) Runs(ctx context.Context) (out []recent.Run, err error) {
	for _, sw := range w.Shards() {
		runs, err := sw.Runs(ctx)
		if err != nil {
			recent.ReleaseAll(out)
			return nil, err
		}
		out = append(out, runs...)
	}
	return out, nil
}
