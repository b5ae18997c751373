// Copyright The Switchyard Authors.
// SPDX-License-Identifier: Apache-2.0

package sshd

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/gliderlabs/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// libraryEnd is how long the goroutines of golang.org/x/crypto/ssh may take to end once their
// connection is closed and drained. Waiting longer would not end them.
const libraryEnd = 2 * time.Second

// frame makes the gliderlabs server of this connection. There is one for each connection, so that
// its callbacks close over what they serve. HandleConn sets no default handlers, so the maps are whole.
func (c *connection) frame() *ssh.Server {
	return &ssh.Server{
		Version:                  c.cfg.Version,
		ServerConfigCallback:     c.serverConfig,
		ConnectionFailedCallback: func(_ net.Conn, err error) { c.handshakeErr = err },
		ChannelHandlers: map[string]ssh.ChannelHandler{
			"session":                        c.channelHandler(c.openSession),
			"direct-tcpip":                   c.channelHandler(c.openForward),
			"direct-streamlocal@openssh.com": c.channelHandler(c.openStreamLocal),
			"default":                        c.refuseChannelType,
		},
		RequestHandlers: map[string]ssh.RequestHandler{
			"no-more-sessions@openssh.com":           c.requests.counted(c.handleNoMoreSessions),
			"tcpip-forward":                          c.requests.counted(c.globalRequest(c.handleTCPIPForward)),
			"cancel-tcpip-forward":                   c.requests.counted(c.globalRequest(c.handleCancelTCPIPForward)),
			"streamlocal-forward@openssh.com":        c.requests.counted(c.globalRequest(c.handleStreamLocalForward)),
			"cancel-streamlocal-forward@openssh.com": c.requests.counted(c.globalRequest(c.handleCancelStreamLocalForward)),
			"default":                                c.requests.counted(refuseGlobalRequest),
		},
	}
}

// serverConfig is the library's configuration of this connection. Without any of gliderlabs' own
// authentication handlers it sets NoClientAuth, and so only authenticateNone decides.
func (c *connection) serverConfig(ctx ssh.Context) *gossh.ServerConfig {
	c.frameCtx = ctx
	cfg := &gossh.ServerConfig{
		Config:               algorithms(),
		NoClientAuthCallback: c.authenticateNone,
		PreAuthConnCallback:  func(conn gossh.ServerPreAuthConn) { c.library = conn },
	}
	for _, k := range hostKeys(c.cfg.Signer()) {
		cfg.AddHostKey(k)
	}
	return cfg
}

// serve runs the connection to its end and waits for everything that it started.
func (c *connection) serve() error {
	c.handshake = time.AfterFunc(c.cfg.HandshakeTimeout, c.handshakeTimedOut)
	c.frame().HandleConn(c.conn)
	c.handshake.Stop()
	c.close()
	cause := c.waitLibrary()
	if c.handshakeErr != nil {
		return fmt.Errorf("SSH handshake: %w", c.handshakeCause())
	}
	return transportError(cause)
}

// waitLibrary waits for the library's own goroutines, and returns what ended the connection.
func (c *connection) waitLibrary() error {
	ended := make(chan error, 1)
	go func() {
		drain(c.library)
		ended <- c.libraryCause()
	}()
	late := time.NewTimer(libraryEnd)
	defer late.Stop()
	select {
	case err := <-ended:
		return err
	case <-late.C:
		return errors.New("the library has not let go of it")
	}
}

// libraryCause waits until the connection has ended, if it ever began.
func (c *connection) libraryCause() error {
	conn, ok := c.frameCtx.Value(ssh.ContextKeyConn).(*gossh.ServerConn)
	if !ok {
		return io.EOF
	}
	return conn.Wait()
}

// transportError is nil for the two ways in which a client leaves: it closes its end, or sends
// SSH_MSG_DISCONNECT with whatever reason it likes (RFC 4253 section 11.1), whose type the library keeps
// to itself but for its text.
func transportError(err error) error {
	if err == nil || errors.Is(err, io.EOF) || isDisconnect(err) {
		return nil
	}
	return fmt.Errorf("SSH connection: %w", err)
}

// isDisconnect tells the error that the library makes of SSH_MSG_DISCONNECT.
func isDisconnect(err error) bool {
	return strings.HasPrefix(err.Error(), "ssh: disconnect, reason ")
}

// refuseChannelType answers a channel type that this server does not have (RFC 4254 section 5.1).
func (c *connection) refuseChannelType(_ *ssh.Server, _ *gossh.ServerConn, ch gossh.NewChannel, _ ssh.Context) {
	c.reject(ch, refusal{gossh.UnknownChannelType, "this server has no channels of the type " + quote(ch.ChannelType())})
}

// reject refuses a channel. Until the client has taken the answer, it counts against what is read of it.
func (c *connection) reject(ch gossh.NewChannel, why refusal) {
	c.conn.refusing(1)
	defer c.conn.refusing(-1)
	ch.Reject(why.reason, why.message)
}

// refuseGlobalRequest answers every global request that this server does not have with failure
// (RFC 4254 section 4). keepalive@openssh.com is one: any answer shows that this end lives, and failure
// is what OpenSSH's server gives.
func refuseGlobalRequest(ssh.Context, *ssh.Server, *gossh.Request) (bool, []byte) {
	return false, nil
}
