package writer

import (
	"context"

	"github.com/hearthcache/hearth/lsm/recent"
)

var _ recent.Source = (*Writer)(nil)

// Runs implements recent.Source with what the shards that are held have in memory. Of a shard that was lost that is what was
// acknowledged before: the writer which takes it back replays that first.
func (w *Writer) Runs(ctx context.Context) (out []recent.Run, err error) {
	for _, s := range w.held() {
		runs, err := s.runs(ctx)
		if err != nil {
			recent.ReleaseAll(out)
			return nil, err
		}
		out = append(out, runs...)
	}
	return out, nil
}

// runs asks the shard's writer, and the next one if that has come meanwhile: the first may have been closed before it was asked.
func (s *slot) runs(ctx context.Context) ([]recent.Run, error) {
	for {
		sw, _ := s.current()
		if sw == nil {
			return nil, nil
		}
		runs, err := sw.Runs(ctx)
		if now, _ := s.current(); now == sw {
			return runs, err
		}
		recent.ReleaseAll(runs)
	}
}
