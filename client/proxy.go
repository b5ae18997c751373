// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"switchyard/upgrade"
)

// proxyError is what went wrong with a proxy. Its reason never holds the proxy's password.
type proxyError struct{ reason string }

func (e *proxyError) Error() string { return e.reason }

// maxProxyHead bounds a proxy's answer to CONNECT, in bytes.
const maxProxyHead = 16 << 10

// dialThrough asks a proxy for a tunnel to address (CONNECT, RFC 9110 section 9.3.6).
func dialThrough(ctx context.Context, proxy *url.URL, address string) (net.Conn, error) {
	conn, err := dialProxy(ctx, proxy)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	early, err := tunnel(conn, proxy, address)
	if !stop() {
		err = &proxyError{fmt.Sprintf("the proxy %s in HTTPS_PROXY does not answer", proxy.Host)}
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return upgrade.NewConn(conn, early), nil
}

func dialProxy(ctx context.Context, proxy *url.URL) (net.Conn, error) {
	port, known := map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	if !known {
		return nil, &proxyError{fmt.Sprintf("the proxy in HTTPS_PROXY has the scheme %q: only http:// and https:// proxies can be used", proxy.Scheme)}
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", proxyAddress(proxy, port))
	if err == nil && proxy.Scheme == "https" {
		conn, err = startTLS(ctx, conn, tlsConfig(proxy.Hostname()))
	}
	if err != nil {
		return nil, &proxyError{fmt.Sprintf("the proxy %s in HTTPS_PROXY cannot be reached: %s", proxy.Host, networkReason(err, proxy.Host))}
	}
	return conn, nil
}

func proxyAddress(proxy *url.URL, port string) string {
	if p := proxy.Port(); p != "" {
		port = p
	}
	return net.JoinHostPort(proxy.Hostname(), port)
}

// tunnel sends the CONNECT and reads the whole answer. It returns what was read beyond it.
func tunnel(conn net.Conn, proxy *url.URL, address string) ([]byte, error) {
	if _, err := io.WriteString(conn, connectHead(proxy, address)); err != nil {
		return nil, &proxyError{fmt.Sprintf("the proxy %s broke off", proxy.Host)}
	}
	br := bufio.NewReader(io.LimitReader(conn, maxProxyHead))
	resp, err := http.ReadResponse(br, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return nil, &proxyError{fmt.Sprintf("the proxy %s did not answer in HTTP: check HTTPS_PROXY", proxy.Host)}
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, proxyRefusal(resp, proxy, address)
	}
	early := make([]byte, br.Buffered())
	_, err = io.ReadFull(br, early)
	return early, err
}

func connectHead(proxy *url.URL, address string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", address, address)
	if u := proxy.User; u != nil {
		password, _ := u.Password()
		fmt.Fprintf(&b, "Proxy-Authorization: Basic %s\r\n", base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)))
	}
	b.WriteString("\r\n")
	return b.String()
}

func proxyRefusal(resp *http.Response, proxy *url.URL, address string) error {
	switch {
	case resp.StatusCode != http.StatusProxyAuthRequired:
		return &proxyError{fmt.Sprintf("the proxy %s does not connect to %s: it answers %d %s", proxy.Host, address, resp.StatusCode, http.StatusText(resp.StatusCode))}
	case proxy.User == nil:
		return &proxyError{fmt.Sprintf("the proxy %s wants a user and a password: put them into HTTPS_PROXY as http://user:password@%s", proxy.Host, proxy.Host)}
	}
	return &proxyError{fmt.Sprintf("the proxy %s refuses the user and the password in HTTPS_PROXY: correct them", proxy.Host)}
}
