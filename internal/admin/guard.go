package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// guard lets in who may call; see the package comment.
func (a *api) guard(next http.Handler) http.Handler {
	return a.handle(func(w http.ResponseWriter, r *http.Request) error {
		check := a.checkBrowser
		switch {
		case isPage(r.URL.Path):
			check = a.checkPage
		case a.Token != "":
			check = a.checkToken
		}
		if err := check(r); err != nil {
			if err.status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="hearth admin"`)
			}
			return err
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// checkToken compares digests, so that neither the place of the first wrong byte nor the
// token's length shows in the time it takes.
func (a *api) checkToken(r *http.Request) *failure {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return fault(http.StatusUnauthorized, "unauthorized", "send the admin token as Authorization: Bearer")
	}
	kind, token, _ := strings.Cut(headers[0], " ")
	given := sha256.Sum256([]byte(strings.TrimSpace(token)))
	if !strings.EqualFold(kind, "Bearer") || subtle.ConstantTimeCompare(given[:], a.token[:]) != 1 {
		return fault(http.StatusUnauthorized, "unauthorized", "the admin token is wrong")
	}
	return nil
}

// checkBrowser refuses what a page of another site makes a browser send.
func (a *api) checkBrowser(r *http.Request) *failure {
	if !a.ours(r.Host) {
		return fault(http.StatusForbidden, "host_not_allowed",
			"the Host header is neither an IP address nor a name of this listener: address it by IP, or set a token")
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return fault(http.StatusForbidden, "cross_site", "requests from other sites are refused")
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || !strings.EqualFold(u.Host, r.Host) {
			return fault(http.StatusForbidden, "cross_site", "requests from other sites are refused")
		}
	}
	return nil
}

// ours reports whether a Host header is an IP address, localhost or a configured name. A
// page that rebinds its DNS name to this listener still sends that name.
func (a *api) ours(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if _, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")); err == nil {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || a.hosts[host]
}
