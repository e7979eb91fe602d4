//go:build !soak

package writer

// So many puts and deletes are done to a table by each of those who write to it.
const stressOps = 80
