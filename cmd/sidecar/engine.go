package main

import (
	"context"
	"strings"

	"github.com/hearthcache/hearth/indexcache"
	"github.com/hearthcache/hearth/internal/engine"
	"github.com/hearthcache/hearth/lsm"
	"github.com/hearthcache/hearth/proxy/objectstore"
	"github.com/hearthcache/hearth/warm"
)

var (
	_ lsm.DatasetCache     = (*indexcache.Cache)(nil)
	_ lsm.GenerationWarmer = generationWarmer{}
)

// engineOn says whether this process answers queries on tables.
func (s *settings) engineOn() bool { return s.AdminListen != "" && s.Engine.Or(true) }

// openEngine makes the engine, if it is on: it reads through the object service as clients of the S3 listener do.
func (v *server) openEngine() (err error) {
	s := v.settings
	if !s.engineOn() {
		return nil
	}
	o := engine.Options{
		Datasets: v.indexes, Tables: s.EngineTables, Concurrency: s.EngineConcurrency, Timeout: s.EngineTimeout, MaxK: s.EngineMaxK,
		Logger: v.log, Registerer: v.registry,
	}
	if s.WarmOnOpen.Or(true) {
		o.Warmer = generationWarmer{v.warmer}
	}
	v.engine, err = engine.New(objectstore.New(v.objects), o)
	return err
}

// generationWarmer asks for the generations that the engine comes upon. Most are warm by then; what is not is fetched
// beside the query, after what queries wait for.
type generationWarmer struct{ warmer *warm.Warmer }

// Warm implements lsm.GenerationWarmer.
func (g generationWarmer) Warm(ctx context.Context, path string) error {
	p, err := warm.ParsePath("s3://" + strings.TrimSuffix(path, "/") + "/")
	if err != nil {
		return err
	}
	_, err = g.warmer.Warm(ctx, warm.Request{Path: p, Priority: warm.PriorityLow})
	return err
}
