//go:build soak

package writer

// stressOps is how many puts and deletes each of those who write does.
const stressOps = 12_000
