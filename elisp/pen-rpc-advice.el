;;; pen-rpc-advice.el --- Advice on a service that did not start -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; What a service that failed to start left behind, its exit status and its
;; standard error, read for the few causes that there are, and said in one
;; sentence with the command that mends it.

;;; Code:

(eval-when-compile (require 'pcase))
(require 'pen-rpc-error)

(defvar pen-rpc--start-said nil
  "The last lines that a service which did not start wrote.")

(defconst pen-rpc-see-doctor "Run M-x pen-doctor."
  "How a hint ends that leaves the cause to be found out.")

(defun pen-rpc-start-said ()
  "Return the last lines that a service which did not start wrote, nil if none."
  (unless (equal pen-rpc--start-said "")
    pen-rpc--start-said))

(defun pen-rpc--said (process)
  "Return the last twenty lines that PROCESS wrote to its standard error."
  (let ((buffer (process-get process 'pen-rpc-errors)))
    (if (not (buffer-live-p buffer))
        ""
      (with-current-buffer buffer
        (goto-char (point-max))
        (forward-line -20)
        (replace-regexp-in-string
         "\\`[ \t\n]+\\|[ \t\n]+\\'" ""
         (decode-coding-string
          (buffer-substring-no-properties (point) (point-max)) 'utf-8))))))

(defun pen-rpc--start-error (process said seconds)
  "Return the error of PROCESS, which did not start in SECONDS and SAID that."
  (let ((command (mapconcat #'identity (process-command process) " "))
        (known (pen-rpc-start-cause (car (process-command process)) said)))
    (cond
     ((process-live-p process)
      (pen-rpc--error 'start
                      (format "The service did not start: %s gave no answer in %s s."
                              command seconds)
                      (pen-rpc--start-hint said)))
     (known (pen-rpc--error 'start (car known) (cdr known)))
     (t (pen-rpc--error 'start
                        (format "The service did not start: %s ended with status %s."
                                command (process-exit-status process))
                        (pen-rpc--start-hint said))))))

(defun pen-rpc--start-hint (said)
  "Return what to do about a service that SAID something and did not start."
  (if (string= said "")
      pen-rpc-see-doctor
    (concat "It said: " said "\n" pen-rpc-see-doctor)))

(defun pen-rpc-start-cause (python said)
  "Return (MESSAGE . HINT) if what PYTHON SAID has a well-known cause, else nil."
  (cond
   ((string-match-p "[Uu]nknown option:? *'?-P\\|requires a different Python" said)
    (cons (format "The service did not start: %s is older than Python 3.11." python)
          (concat "Set `pen-python-command' to a newer Python that has pen-backend,"
                  " or run M-x pen-install-backend.")))
   ((string-match "No module named '?pen_backend" said)
    (cons (format "The service did not start: %s does not have the package pen-backend." python)
          (concat "Run M-x pen-install-backend, or set `pen-python-command'"
                  " to the Python that has it.")))
   ((string-match "No module named '?\\([A-Za-z0-9_]+\\)" said)
    (cons (format "The service did not start: %s does not have the package %s."
                  python (match-string 1 said))
          "Run M-x pen-install-backend, which installs all that pen needs."))))

(provide 'pen-rpc-advice)
;;; pen-rpc-advice.el ends here
