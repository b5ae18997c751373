// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package dockerd

import (
	"context"
	"net/http"
	"os"
	"time"

	"github.com/moby/moby/client"
)

// DefaultHost is where the engine of a machine listens unless told otherwise.
const DefaultHost = "unix:///var/run/docker.sock"

// Find returns the address of an engine that answers already: the one that
// DOCKER_HOST names, or else the machine's own. It returns "" when there is none.
func Find(ctx context.Context) string {
	for _, host := range []string{os.Getenv(client.EnvOverrideHost), DefaultHost} {
		if host != "" && pings(ctx, host) {
			return host
		}
	}
	return ""
}

// Client returns a client of the engine at the address, which keeps no idle
// connections: leak checks see neither goroutine nor descriptor of it.
// DOCKER_TLS_VERIFY, DOCKER_CERT_PATH and DOCKER_API_VERSION are honoured.
func Client(host string) (*client.Client, error) {
	// The scheme is given because the client takes any transport that it has
	// cloned for one with TLS.
	options := []client.Opt{client.WithScheme("http"), client.WithHTTPClient(&http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: client.CheckRedirect,
	})}
	if os.Getenv(client.EnvOverrideCertPath) != "" {
		options = []client.Opt{client.WithTLSClientConfigFromEnv()}
	}
	return client.New(append(options, client.WithHost(host), client.WithAPIVersionFromEnv())...)
}

func pings(ctx context.Context, host string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cli, err := Client(host)
	if err != nil {
		return false
	}
	defer cli.Close()
	_, err = cli.Ping(ctx, client.PingOptions{})
	return err == nil
}
