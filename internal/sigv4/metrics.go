package sigv4

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// resultOK labels requests that were found genuine; refused ones carry their code.
const resultOK = "ok"

// metrics counts every verified request once, by its outcome.
type metrics struct {
	results map[string]prometheus.Counter // read only once built
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	if reg == nil {
		return &metrics{}, nil
	}
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "hearth_sigv4_requests_total",
		Help: "Requests whose signature was checked, by result: ok or the S3 error code.",
	}, []string{"result"})
	if err := reg.Register(requests); err != nil {
		return nil, fmt.Errorf("sigv4: register metrics: %w", err)
	}
	m := &metrics{results: make(map[string]prometheus.Counter)}
	for _, result := range []string{
		resultOK, CodeAccessDenied, CodeSignatureDoesNotMatch, CodeInvalidAccessKeyID, CodeRequestTimeTooSkewed,
		CodeHeaderMalformed, CodeQueryMalformed, CodeInvalidToken, CodeInvalidRequest, CodeInvalidArgument,
		CodeInvalidURI, CodeContentSHA256Mismatch,
	} {
		m.results[result] = requests.WithLabelValues(result)
	}
	return m, nil
}

func (m *metrics) count(result string) {
	if c := m.results[result]; c != nil {
		c.Inc()
	}
}
