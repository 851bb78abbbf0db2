;;; whole-fixture.el --- What the tests share in which nothing is faked -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; PEN_PYTHON names the Python that runs the service.  The engine, if a test
;; starts it, ends with this Emacs.

;;; Code:

(require 'pen-fixture)
(require 'pen-rpc)
(require 'pen-rpc-methods)

(defconst whole-fixture-root
  (expand-file-name "../../" (file-name-directory (or load-file-name buffer-file-name)))
  "The top of the checkout.")

(setq pen-python-command (or (getenv "PEN_PYTHON") pen-python-command))
(setenv "PEN_ENGINE_IDLE_MINUTES" "1")
(add-hook 'kill-emacs-hook
          (lambda ()
            (unless (eq (pen-rpc-state) 'stopped)
              (ignore-errors (pen-rpc-engine-stop :deadline 20)))))

(defun whole-fixture-command (program &rest arguments)
  "Run PROGRAM with ARGUMENTS; return (CODE STDOUT STDERR)."
  (let ((errors (make-temp-file "whole-")))
    (unwind-protect
        (with-temp-buffer
          (let ((code (apply #'call-process program nil (list t errors) nil arguments)))
            (list code (buffer-string) (pen-fixture-read errors))))
      (delete-file errors))))

(defconst whole-fixture-emacs (expand-file-name invocation-name invocation-directory)
  "The program of this Emacs.")

(defun whole-fixture-arguments (entry &rest arguments)
  "Return the arguments of an Emacs that runs the batch ENTRY with ARGUMENTS."
  (append (list "-Q" "--batch" "-L" (expand-file-name "elisp" whole-fixture-root) "-l" "pen"
                "--eval" (format "(setq pen-python-command %S)" pen-python-command)
                "-f" entry "--")
          arguments))

(defun whole-fixture-batch (entry &rest arguments)
  "Run the batch ENTRY with ARGUMENTS; return (CODE STDOUT STDERR)."
  (apply #'whole-fixture-command whole-fixture-emacs
         (apply #'whole-fixture-arguments entry arguments)))

(provide 'whole-fixture)
;;; whole-fixture.el ends here
