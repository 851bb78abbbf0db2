;;; pen-bench-screens.el --- How long Emacs is held by what a person does -*- lexical-binding: t; -*-

;; SPDX-License-Identifier: GPL-3.0-or-later

;;; Commentary:

;; The service is a table, so only Emacs is measured.  Prints one JSON object:
;; figures by name, in milliseconds, collections apart.

;;; Code:

(require 'cl-lib)
(require 'json)
(require 'pen-rpc-fake)
(require 'pen-complete)
(require 'pen-filter)

(defconst pen-bench-screens-deltas 5000 "How many chunks stream in.")

(defconst pen-bench-screens-definitions
  '((:slug "pun-complete" :arity 1 :n 2 :variables ((:name "jokes" :type "list"))))
  "What the service says of its definitions.")

(defun pen-bench-screens-done ()
  "Return the event that ends a request with two candidates of 5,000 characters."
  (list 'done :value (list :candidates (list (list :text (make-string 5000 ?a))
                                             (list :text (make-string 5000 ?b)))
                           :model "m")))

(defmacro pen-bench-screens-with (events &rest body)
  "Run BODY in a buffer with two puns, on a service that answers by EVENTS."
  (declare (indent 1))
  `(pen-rpc-fake-with
       (list (list "prompts-list" 'value pen-bench-screens-definitions)
             (append '("completions-start" events) ,events))
     (with-temp-buffer
       (switch-to-buffer (current-buffer))
       (insert "one\ntwo")
       ,@body)))

(defun pen-bench-screens-milliseconds (function)
  "Return how long FUNCTION takes."
  (garbage-collect)
  (pcase-let ((`(,seconds ,_ ,collecting) (benchmark-run 1 (funcall function))))
    (* 1000 (- seconds collecting))))

(defun pen-bench-screens-preview (function events)
  "Return how long FUNCTION takes at a preview after EVENTS."
  (pen-bench-screens-with events
    (pen-pun-complete)
    (pen-rpc-fake-settle 0.1)
    (prog1 (pen-bench-screens-milliseconds function)
      (pen-preview-close))))

(defun pen-bench-screens-filter (function)
  "Return how long FUNCTION takes at a text under review."
  (pen-bench-screens-with (list (pen-bench-screens-done))
    (pen-filter-start (point-min) (point-max) (car pen-bench-screens-definitions) nil nil)
    (pen-rpc-fake-settle 0.1)
    (prog1 (pen-bench-screens-milliseconds function)
      (pen-filter-close-all))))

(defun pen-bench-screens-gap ()
  "Return the longest gap of a timer of 10 ms while chunks stream in."
  (pen-bench-screens-with '((delta :index 0 :text "x"))
    (pen-pun-complete)
    (pen-rpc-fake-settle 0.1)
    (garbage-collect)
    (let* ((last (float-time)) (collecting gc-elapsed) (gap 0) (sent 0)
           (ticks (run-at-time 0 0.01
                               (lambda ()
                                 (let ((now (float-time)))
                                   (setq gap (max gap (- now last (- gc-elapsed collecting)))
                                         last now
                                         collecting gc-elapsed)))))
           (chunks (run-at-time 0 0.001
                                (lambda ()
                                  (dotimes (_ (min 40 (- pen-bench-screens-deltas sent)))
                                    (setq sent (1+ sent))
                                    (pen-rpc-fake-event "fake-1" 'delta :index (% sent 3)
                                                        :text "twenty characters.\n"))))))
      (while (< sent pen-bench-screens-deltas)
        (accept-process-output nil 0.02))
      (cancel-timer ticks)
      (cancel-timer chunks)
      (pen-preview-close)
      (* 1000 gap))))

(let ((whole (list (pen-bench-screens-done)))
      (running '((delta :index 0 :text "some text")))
      (inhibit-message t))
  (pen-bench-screens-preview #'ignore whole) ; what is loaded at first use is loaded
  (princ
   (json-encode
    `((accept . ,(pen-bench-screens-preview #'pen-preview-accept whole))
      (next . ,(pen-bench-screens-preview #'pen-preview-next whole))
      (reject . ,(pen-bench-screens-preview #'pen-preview-reject running))
      (abort . ,(pen-bench-screens-preview #'pen-abort running))
      (filter-accept . ,(pen-bench-screens-filter #'pen-filter-accept))
      (filter-reject . ,(pen-bench-screens-filter #'pen-filter-reject))
      (gap . ,(pen-bench-screens-gap))))))

(provide 'pen-bench-screens)
;;; pen-bench-screens.el ends here
