;;; pen-rpc-fake.el --- A service that answers from a table -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; For tests of what is built on pen-rpc: no process, no files, no waiting.
;;
;;   (pen-rpc-fake-with
;;       (list (list "models-list" 'value nil)
;;             (list "jobs-cancel" 'error 'not-found "There is no job x.")
;;             (list "completions-start" 'events
;;                   '(delta :index 0 :text "a pun")
;;                   '(done :reason finished :value nil))
;;             (list "jobs-list" (lambda (plist) (list plist)))
;;             (list "jobs-show" 'hang))
;;     (should-not (pen-rpc-models-list)))
;;
;; An answer is `value' VALUE, `error' KIND MESSAGE [KEYWORD VALUE…], `events'
;; (KIND KEYWORD VALUE…)…, `hang', or a function that gets the call's plist and
;; returns the value, or signals one of pen's errors.  A method whose answer is
;; `events' answers with an id, "fake-1" first; `pen-rpc-fake-event' sends more.
;; As with the real service, no answer comes before the call has returned.

;;; Code:

(eval-when-compile
  (require 'cl-lib)
  (require 'pcase))
(require 'pen-rpc)

(defvar pen-rpc-fake-calls nil
  "What was called, newest first: lists (METHOD . PLIST).")
(defvar pen-rpc-fake--table nil "Alist of a method's name to its answer.")
(defvar pen-rpc-fake--count 0 "Number of the last request.")
(defvar pen-rpc-fake--due 0 "How many calls are to be answered.")
(defvar pen-rpc-fake--sequence nil "Alist of a request's id to its next event's number.")

(defmacro pen-rpc-fake-with (table &rest body)
  "Run BODY with a service that answers from TABLE, see the Commentary."
  (declare (indent 1) (debug t))
  `(let ((pen-rpc-function #'pen-rpc-fake--call)
         (pen-rpc-fake--table ,table)
         (pen-rpc-fake-calls nil)
         (pen-rpc-fake--count 0)
         (pen-rpc-fake--due 0)
         (pen-rpc-fake--sequence nil)
         (pen-rpc--state 'ready)
         (pen-rpc--process nil)
         (pen-rpc--followed (make-hash-table :test #'equal))
         (pen-rpc--events nil)
         (pen-rpc--arrived nil))
     ,@body))

(defun pen-rpc-fake-last (method)
  "Return the plist of the last call of METHOD, `none' if there was none."
  (let ((call (assoc method pen-rpc-fake-calls)))
    (if call (cdr call) 'none)))

(defun pen-rpc-fake-event (id kind &rest plist)
  "Send the event KIND with PLIST for the request ID and deliver it."
  (pen-rpc--queue id (cl-incf (alist-get id pen-rpc-fake--sequence -1 nil #'equal))
                  kind plist)
  (pen-rpc--deliver))

(defun pen-rpc-fake-settle (&optional seconds)
  "Let everything happen that is due for SECONDS (0.05), and until all is answered."
  (let* ((seconds (or seconds 0.05))
         (rounds (ceiling seconds 0.005)) ; the clock alone goes on while others have the processor
         (until (+ (float-time) seconds)))
    (while (or (> (cl-decf rounds) -1)
               (< (float-time) until)
               (and (> pen-rpc-fake--due 0) (< (float-time) (+ until 10))))
      (accept-process-output nil 0.005))))

(defun pen-rpc-fake--call (method plist then else)
  "Answer a call of METHOD with PLIST by THEN or ELSE, a moment later."
  (push (cons method plist) pen-rpc-fake-calls)
  (cl-incf pen-rpc-fake--due)
  (run-at-time 0 nil #'pen-rpc-fake--answer method plist then else)
  (cl-incf pen-rpc-fake--count))

(defun pen-rpc-fake--answer (method plist then else)
  "Call THEN or ELSE with what the table has for METHOD, called with PLIST."
  (cl-decf pen-rpc-fake--due)
  (pcase (cdr (assoc method pen-rpc-fake--table))
    (`(value ,value) (pen-rpc--guard then value))
    (`(error ,kind ,message . ,rest)
     (pen-rpc--guard else (pen-rpc-error (append (list :kind kind :message message) rest))))
    (`(events . ,events) (pen-rpc-fake--stream events then))
    ((or 'hang '(hang)) nil)
    (`(,(and (pred functionp) function))
     (condition-case err
         (let ((value (funcall function plist)))
           (pen-rpc--guard then value))
       (pen-error (pen-rpc--guard else err))))
    (_ (if (equal method "pen-cancel")
           (pen-rpc-fake--cancel plist then)
         (pen-rpc--guard else (pen-rpc--error 'not-found
                                              (format "The table has no %s." method)))))))

(defun pen-rpc-fake--stream (events then)
  "Answer by THEN with a new id, then send EVENTS."
  (let ((id (format "fake-%d" (1+ (length pen-rpc-fake--sequence)))))
    (push (cons id -1) pen-rpc-fake--sequence)
    (pen-rpc--guard then id)
    (dolist (event events)
      (apply #'pen-rpc-fake-event id event))))

(defun pen-rpc-fake--cancel (plist then)
  "Cancel the request that PLIST names and answer by THEN."
  (let ((id (plist-get plist :id)))
    (pen-rpc--guard then (and (gethash id pen-rpc--followed) t))
    (when (gethash id pen-rpc--followed)
      (pen-rpc-fake-event id 'done :reason 'cancelled :value nil))))

(provide 'pen-rpc-fake)
;;; pen-rpc-fake.el ends here
