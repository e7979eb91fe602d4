package keyring

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	count   prometheus.Gauge
	ok, bad prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	reloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hearth_keyring_reloads_total",
		Help: "Times the keys file was read again, by result: ok, or error when the old keys stayed.",
	}, []string{"result"})
	m := &metrics{
		count: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hearth_keyring_keys",
			Help: "Access keys in use.",
		}),
		ok:  reloads.WithLabelValues("ok"),
		bad: reloads.WithLabelValues("error"),
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.count, reloads} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("keyring: register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) keys(n int) { m.count.Set(float64(n)) }

func (m *metrics) reloaded(err error) {
	if err != nil {
		m.bad.Inc()
		return
	}
	m.ok.Inc()
}
