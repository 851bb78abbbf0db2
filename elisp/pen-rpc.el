;;; pen-rpc.el --- Call pen's service over EPC, without waiting -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers

;; Author: The pen maintainers
;; Keywords: comm, tools
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;; This file is free software: you can redistribute it and/or modify
;; it under the terms of the GNU General Public License as published by
;; the Free Software Foundation, either version 3 of the License, or
;; (at your option) any later version.

;; This file is distributed in the hope that it will be useful,
;; but WITHOUT ANY WARRANTY; without even the implied warranty of
;; MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE.  See the
;; GNU General Public License for more details.

;; You should have received a copy of the GNU General Public License
;; along with this program.  If not, see <https://www.gnu.org/licenses/>.

;;; Commentary:

;; The client of pen's service: it starts the process when the first call is
;; made, writes and reads EPC frames on its pipes, and hands results, errors
;; and events to callbacks.  It needs nothing outside Emacs.
;;
;;   (pen-rpc-call "jobs-list" nil #'my-show-jobs)         ; never waits
;;   (pen-rpc-call-sync "jobs-list" nil 5)                 ; for scripts
;;
;; The functions of pen-rpc-methods.el, one for each method, check their
;; arguments and then call these two.  An error is a list (CONDITION MESSAGE
;; PLIST), as `condition-case' has it; all conditions are below `pen-error'.

;;; Code:

(eval-when-compile
  (require 'cl-lib)
  (require 'pcase))
(require 'pen-project)
(require 'pen-rpc-error)
(require 'pen-rpc-value)
(require 'pen-rpc-transfer)
(require 'pen-rpc-events)
(require 'pen-rpc-process)

(defcustom pen-rpc-deadline 10
  "Seconds that a call which waits may take."
  :type 'number
  :group 'pen)

(defvar pen-rpc-function #'pen-rpc--send-call
  "What sends a call: gets METHOD PLIST THEN ELSE, returns its number.
A test binds it to a function that answers by itself.")

(defun pen-rpc-call (method plist then &optional else)
  "Call METHOD with PLIST; return the call's number at once.
Exactly one of (THEN VALUE) and (ELSE ERROR) runs, once, and later.
ELSE defaults to `pen-rpc-report'."
  (funcall pen-rpc-function method (pen-rpc-clean plist) then
           (or else #'pen-rpc-report)))

(defun pen-rpc--send-call (method plist then else)
  "Send a call of METHOD with PLIST to the service; THEN and ELSE await its answer."
  (let* ((uid (cl-incf pen-rpc--uid))
         (frame (pen-rpc--frame uid method plist)))
    (if (null frame)
        (run-at-time 0 nil #'pen-rpc--guard else
                     (pen-rpc--error 'too-large (format "The arguments of %s are too large." method)
                                     "Save the text to a file and give its name."))
      (when (eq pen-rpc--state 'ready)
        (pen-rpc-ensure))
      (puthash uid (cons (pen-rpc--subscriber method plist then) else) pen-rpc--pending)
      (let ((pen-rpc--fresh uid))
        (if (eq pen-rpc--state 'ready)
            (pen-rpc--write pen-rpc--process frame)
          (push frame pen-rpc--waiting)
          (pen-rpc-ensure))))           ; which may fail at once
    uid))

(defun pen-rpc-call-sync (method plist &optional deadline)
  "Call METHOD with PLIST, wait, and return the value or signal the error.
DEADLINE is in seconds and defaults to `pen-rpc-deadline'.  Passing it
and quitting both cancel the call."
  (when pen-rpc--delivering
    (error "A function that takes events must not wait for %s" method))
  (let* ((cell nil)
         (until (+ (float-time) (or deadline pen-rpc-deadline)))
         (uid (pen-rpc-call method plist
                            (lambda (value) (setq cell (list value)))
                            (lambda (err) (setq cell (cons nil err))))))
    (condition-case nil
        (let ((inhibit-quit nil))       ; a timer inhibits it
          (while (and (null cell) (< (float-time) until))
            (pen-rpc--wait (- until (float-time)))))
      (quit
       (pen-rpc--abandon uid)
       (signal 'quit nil)))
    (cond ((null cell)
           (pen-rpc--abandon uid)
           (pen-rpc-signal
            (list :kind 'deadline :message (format "%s took longer than %s s." method
                                                   (or deadline pen-rpc-deadline)))))
          ((cdr cell) (signal (cadr cell) (cddr cell)))
          (t (car cell)))))

(defun pen-rpc--wait (seconds)
  "Wait for the service, SECONDS at most and not for long; notice its death."
  (let ((process pen-rpc--process)
        (seconds (min seconds 0.05)))
    (cond
     ((null process)
      (accept-process-output nil (min seconds 0.01)))
     ((process-live-p process)
      (when (eq pen-rpc--state 'starting) ; a full stderr would hold it
        (let ((errors (get-buffer-process (process-get process 'pen-rpc-errors))))
          (when (process-live-p errors)
            (accept-process-output errors 0 nil t))))
      (let ((before (float-time)))
        (unless (or (accept-process-output process seconds nil t)
                    (not (process-live-p process))
                    (> (- (float-time) before) 0.001))
          (sleep-for 0.005))))          ; it closed its output but lives
     (t                                 ; the sentinel does not run here
      (let ((rounds 1000))
        (while (and (> (cl-decf rounds) 0)
                    (accept-process-output process 0 nil t))))
      (pen-rpc--lost process)))))

(defun pen-rpc--abandon (uid)
  "Forget call UID and tell the service, if it can be told."
  (remhash uid pen-rpc--pending)
  (pen-rpc--tell-cancel (list :call uid)))

(defun pen-rpc--tell-cancel (plist)
  "Send `pen-cancel' with PLIST; whatever happens is no error."
  (ignore-errors
    (when (or (eq pen-rpc--state 'ready)
              (not (eq pen-rpc-function #'pen-rpc--send-call)))
      (pen-rpc-call "pen-cancel" plist #'ignore #'ignore)))
  nil)

(defun pen-rpc-cancel (id)
  "Stop the request ID; never an error, not even without a service."
  (unless (process-live-p pen-rpc--process) ; what it followed is moved first
    (pen-rpc--lost pen-rpc--process))
  (let ((id (and id (pen-rpc--present-id id))))
    (when id
      (pen-rpc--tell-cancel (list :id id)))))

(defun pen-rpc--again (request)
  "Make the subscription REQUEST again, with the next service."
  (pen-rpc--subscribe-again request #'pen-rpc-call #'pen-rpc-cancel))

(defun pen-rpc--of-project (parameters plist)
  "Return PLIST with the project of this buffer, if PARAMETERS have one."
  (let ((project (and (assq :project parameters)
                      (null (plist-get plist :project))
                      (pen-project))))
    (if project (plist-put plist :project project) plist)))

(defun pen-rpc-invoke (method parameters args)
  "Call METHOD with ARGS, keywords that fit PARAMETERS, for the generated stubs.
Of ARGS, :then and :else are callbacks; without :then it waits,
:deadline seconds at most.  A method that takes :project gets that of
this buffer, unless ARGS name one."
  (let ((then nil) (else nil) (deadline nil) (plist nil) (rest args))
    (while rest
      (let ((key (pop rest))
            (value (if rest (pop rest)
                     (signal 'wrong-type-argument (list 'pen-rpc-plist-p args method)))))
        (pcase key
          (:then (setq then (and value (pen-project-keep value))))
          (:else (setq else (and value (pen-project-keep value))))
          (:deadline (setq deadline value))
          (_ (setq plist (cons value (cons key plist)))))))
    (setq plist (pen-rpc--of-project parameters (nreverse plist)))
    (pen-rpc-check-arguments method parameters plist)
    (pcase-let* ((`(,plist . ,files) (if (eq pen-rpc-function #'pen-rpc--send-call)
                                         (pen-rpc--transfer parameters plist)
                                       (list plist)))
                 (after (lambda (function)
                          (lambda (value)
                            (pen-rpc--transfer-remove files)
                            (funcall function value)))))
      (cond
       ((null then)
        (unwind-protect
            (pen-rpc-call-sync method plist deadline)
          (pen-rpc--transfer-remove files)))
       (files (pen-rpc-call method plist (funcall after then)
                            (funcall after (or else #'pen-rpc-report))))
       (t (pen-rpc-call method plist then else))))))

(setq pen-rpc--cancel-function #'pen-rpc-cancel
      pen-rpc--again-function #'pen-rpc--again)

(provide 'pen-rpc)
;;; pen-rpc.el ends here
