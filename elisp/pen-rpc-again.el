;;; pen-rpc-again.el --- Subscriptions that outlive the service -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; Jobs live in the engine, so whoever follows one need not notice that the
;; service died in between: the subscription is made again, from the last event
;; seen, and its function gets what comes.  Its old id can still be cancelled.
;; No other call is ever repeated: it may cost money, or hours.

;;; Code:

(eval-when-compile (require 'cl-lib))
(require 'pen-rpc-error)
(require 'pen-rpc-events)

(defconst pen-rpc--subscriptions '("jobs-watch" "jobs-watch-all")
  "The methods that only look, and go on after the argument :since.")

(defun pen-rpc--subscriber (method plist then)
  "Return THEN for a call of METHOD with PLIST, so that it can be made again."
  (if (not (member method pen-rpc--subscriptions))
      then
    (lambda (id)
      (let ((request (pen-rpc--request-make :now id :method method :arguments plist)))
        (puthash id request pen-rpc--followed)
        (funcall then id)))))

(defun pen-rpc--again-p (request)
  "Return non-nil if REQUEST is a subscription that somebody follows."
  (and (pen-rpc--request-function request) (pen-rpc--request-method request)))

(defun pen-rpc--leave (id request)
  "Take REQUEST, which has the ID of a service that died, out of its events."
  (remhash id pen-rpc--followed)
  (puthash id request pen-rpc--moved)
  (setf (pen-rpc--request-now request) nil
        (pen-rpc--request-next request) 0))

(defun pen-rpc--subscribe-again (request call cancel)
  "Make the subscription REQUEST again with the functions CALL and CANCEL."
  (let ((arguments (pen-rpc--request-arguments request)))
    (when (pen-rpc--request-since request)
      (setq arguments (plist-put (copy-sequence arguments)
                                 :since (pen-rpc--request-since request))))
    (funcall call (pen-rpc--request-method request) arguments
             (lambda (id)
               (setf (pen-rpc--request-now request) id)
               (puthash id request pen-rpc--followed)
               (unless (pen-rpc--request-function request) ; cancelled meanwhile
                 (setf (pen-rpc--request-function request) #'ignore)
                 (funcall cancel id)))
             (lambda (err)
               (let ((function (pen-rpc--request-function request)))
                 (pen-rpc--forget-moved request)
                 (when function
                   (pen-rpc--guard function 'error (nth 2 err))))))))

(defun pen-rpc--present-id (id)
  "Return what the request ID is called now, nil if it waits for a service.
One that waits is dropped, for it is asked in order to cancel it."
  (let ((request (gethash id pen-rpc--moved)))
    (cond ((null request) id)
          ((pen-rpc--request-now request))
          (t (setf (pen-rpc--request-function request) nil)
             nil))))

(provide 'pen-rpc-again)
;;; pen-rpc-again.el ends here
