;;; pen-rpc-peer.el --- A real service that misbehaves, for tests -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; The service is tests/transports/peer.py on the real transport.  PEN_PYTHON
;; names the Python that runs it.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-fixture)
(require 'pen-rpc)

(defconst pen-rpc-test-peer
  (expand-file-name "../transports/peer.py"
                    (file-name-directory (or load-file-name buffer-file-name)))
  "The program of the service.")

(defmacro pen-rpc-test-with (arguments &rest body)
  "Run BODY with a service of its own, started with ARGUMENTS; end it afterwards."
  (declare (indent 1) (debug t))
  `(let ((pen-python-command (or (getenv "PEN_PYTHON") "python3"))
         (pen-rpc-arguments (append (list "-P" pen-rpc-test-peer) ,arguments))
         (pen-rpc-restart-delays '(0 0 0 0 0 0))
         (message-log-max 1000))
     (unwind-protect
         (progn ,@body)
       (let ((process pen-rpc--process))
         (pen-rpc-stop)
         (when process
           (pen-rpc--dispose process))))))

(defmacro pen-rpc-test-until (condition &optional seconds)
  "Wait until CONDITION holds, SECONDS at most (60), or fail."
  (declare (debug t))
  `(pen-fixture-until (lambda () ,condition) ,seconds))

(defun pen-rpc-test-kind (form)
  "Call FORM and return the kind and the message of its error."
  (condition-case err
      (progn (funcall form) nil)
    (pen-error (list (car err) (cadr err)))))

(defun pen-rpc-test-kill ()
  "Kill the service with signal 9."
  (signal-process pen-rpc--process 9))

(provide 'pen-rpc-peer)
;;; pen-rpc-peer.el ends here
