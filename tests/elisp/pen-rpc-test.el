;;; pen-rpc-test.el --- The client against a real service that misbehaves -*- lexical-binding: t; -*-

;; Copyright (C) 2026 The pen maintainers
;; SPDX-License-Identifier: GPL-3.0-or-later

;; This file is not part of GNU Emacs.

;;; Commentary:

;; See pen-rpc-peer.el.

;;; Code:

(require 'ert)
(require 'cl-lib)
(require 'pen-rpc-peer)

;;;; Calls

(ert-deftest pen-rpc-test-starts-at-the-first-call ()
  (pen-rpc-test-with nil
    (should (eq (pen-rpc-state) 'stopped))
    (should (equal (pen-rpc-call-sync "test-ping" nil) "pong"))
    (should (eq (pen-rpc-state) 'ready))))

(ert-deftest pen-rpc-test-ensure-never-waits ()
  (pen-fixture-quickest
   0.1 (lambda ()
         (pen-rpc-test-with nil
           (let ((before (float-time)) (took nil))
             (should (eq (pen-rpc-ensure) 'starting))
             (setq took (- (float-time) before))
             (pen-rpc-test-until (eq (pen-rpc-state) 'ready))
             took)))))

(ert-deftest pen-rpc-test-call-returns-before-its-callback ()
  (pen-rpc-test-with nil
    (let* ((value nil)
           (uid (pen-rpc-call "test-echo" '(:text "x") (lambda (v) (setq value v)))))
      (should (integerp uid))
      (should-not value)
      (pen-rpc-test-until value)
      (should (equal value "x")))))

(ert-deftest pen-rpc-test-strings-come-back-exactly ()
  (pen-rpc-test-with nil
    (dolist (text (list "" "a\"b\\c" "line\nline\r\nCR\r" "nul\0" "tab\t\e" "größe — 😀 ‮" "\\n" "\\\""
                        (propertize "face" 'face 'bold) (make-string 100000 ?é)))
      (should (equal-including-properties (pen-rpc-call-sync "test-echo" (list :text text))
                                          (substring-no-properties text))))))

(ert-deftest pen-rpc-test-every-type-crosses ()
  (pen-rpc-test-with nil
    (let ((value (list :on t :maybe :false :count (expt 2 80) :share 0.0e+NaN :name "n" :note nil
                       :side 'valid :rows '((:text "r" :weight 0.3 :label nil))
                       :table '(("Key one" 1) ("other" nil)) :path "/tmp/a b" :record "{\"a\":[]}"
                       :mixed "text" :extra '((1 2) nil))))
      (should (equal (format "%S" (pen-rpc-call-sync "test-everything" (list :value value)))
                     (format "%S" value))))))

(ert-deftest pen-rpc-test-floats-that-are-no-numbers ()
  (pen-rpc-test-with nil
    (let ((value (pen-rpc-call-sync "test-nan" nil)))
      (should (isnan (nth 0 value)))
      (should (equal (cdr value) '(1.0e+INF -1.0e+INF))))))

(ert-deftest pen-rpc-test-refuses-what-has-no-meaning ()
  (pen-rpc-test-with nil
    (dolist (value (list (cons 1 2) (string-to-unibyte "\300") (concat "é" (string #x3fff85))
                         (make-hash-table) (current-buffer) (point-marker) #'car-safe
                         (let (deep) (dotimes (_ 200) (setq deep (list deep))) (list deep))))
      (unless (symbolp value)
        (should (eq (car (should-error (pen-rpc-call "test-echo" (list :text value) #'ignore)
                                       :type 'wrong-type-argument))
                    'wrong-type-argument))))
    (should (eq (pen-rpc-state) 'stopped))))

(ert-deftest pen-rpc-test-a-raw-byte-arrives-as-one ()
  (pen-rpc-test-with nil
    (let ((text (nth 1 (pen-rpc-call-sync "test-surrogate" '(:code #xdc85)))))
      (should (equal text "\205")))))

;;;; Errors

(ert-deftest pen-rpc-test-errors-are-conditions ()
  (pen-rpc-test-with nil
    (should (equal (pen-rpc-test-kind (lambda () (pen-rpc-call-sync "test-fail" nil)))
                   '(pen-data-error "Line 3 is no JSON.")))
    (let ((plist (nth 2 (should-error (pen-rpc-call-sync "test-fail" nil) :type 'pen-error))))
      (should (equal (plist-get plist :where) "train.jsonl:3"))
      (should (equal (plist-get plist :hint) "Fix it.")))
    (should (eq (car (pen-rpc-test-kind (lambda () (pen-rpc-call-sync "test-nothing" nil))))
                'pen-not-found-error))
    (should (eq (car (pen-rpc-test-kind (lambda () (pen-rpc-call-sync "test-add" '(:a "1")))))
                'pen-bad-params-error))
    (should (equal (pen-rpc-call-sync "test-ping" nil) "pong"))))

(ert-deftest pen-rpc-test-a-bug-names-its-line-in-the-log ()
  (pen-rpc-test-with nil
    (let ((plist (nth 2 (should-error (pen-rpc-call-sync "test-fail" '(:kind "bug"))
                                      :type 'pen-internal-error))))
      (should (integerp (plist-get plist :log)))
      (should-not (string-match-p "text of a user" (format "%S" plist))))))

(ert-deftest pen-rpc-test-every-kind-has-a-condition ()
  (pen-rpc-test-with nil
    (dolist (kind (remq 'internal (remq 'data pen-rpc--kinds)))
      (should (equal (pen-rpc-test-kind
                      (lambda () (pen-rpc-call-sync "test-fail" (list :kind (symbol-name kind)))))
                     (list (intern (format "pen-%s-error" kind)) "It is so."))))))

(ert-deftest pen-rpc-test-too-large-either-way ()
  (pen-rpc-test-with nil
    (should (eq (car (pen-rpc-test-kind
                      (lambda () (pen-rpc-call-sync "test-echo" (list :text (make-string 17000000 ?x))))))
                'pen-too-large-error))
    (should (eq (car (pen-rpc-test-kind
                      (lambda () (pen-rpc-call-sync "test-big" '(:size 17000000) 20))))
                'pen-too-large-error))
    (should (equal (pen-rpc-call-sync "test-ping" nil) "pong"))))

(ert-deftest pen-rpc-test-deadline-cancels-and-drops-the-late-reply ()
  (pen-rpc-test-with nil
    (pen-rpc-call-sync "test-ping" nil)
    (let* ((late (1+ pen-rpc--uid))
           (reply (format "(return %d \"slept\")\n" late)))
      (should (eq (car (pen-rpc-test-kind
                        (lambda () (pen-rpc-call-sync "test-sleep" '(:seconds 60) 0.1))))
                  'pen-deadline-error))
      (should-not (gethash late pen-rpc--pending))
      (pen-rpc-test-until (zerop (hash-table-count pen-rpc--pending)))
      (pen-rpc--filter pen-rpc--process (format "%06x%s" (length reply) reply)))
    (should (equal (pen-rpc-call-sync "test-ping" nil) "pong"))))

(ert-deftest pen-rpc-test-quit-cancels ()
  (pen-rpc-test-with nil
    (pen-rpc-call-sync "test-ping" nil)
    (pen-fixture-quickest
     1 (lambda ()
         (run-at-time 0.1 nil (lambda () (setq quit-flag t)))
         (pen-fixture-time
          (lambda ()
            (should (eq 'quit (condition-case nil
                                  (pen-rpc-call-sync "test-sleep" '(:seconds 5))
                                (quit 'quit))))))))
    (should (equal (pen-rpc-call-sync "test-ping" nil) "pong"))))

(ert-deftest pen-rpc-test-quit-works-in-a-timer ()
  (pen-rpc-test-with nil
    (pen-rpc-call-sync "test-ping" nil)
    (let ((result nil))
      (run-at-time 0.1 nil (lambda () (setq quit-flag t)))
      (let ((inhibit-quit t))
        (setq result (condition-case nil
                         (pen-rpc-call-sync "test-sleep" '(:seconds 5) 3)
                       (quit 'quit)
                       (pen-deadline-error 'deadline))))
      (setq quit-flag nil)
      (should (eq result 'quit)))))

;;;; Events

(defun pen-rpc-test-follow (id)
  "Follow the request ID to its end and return its events, oldest first."
  (let ((events nil))
    (pen-rpc-on-event id (lambda (kind plist) (push (cons kind plist) events)))
    (pen-rpc-test-until (memq (caar events) '(done error)))
    (nreverse events)))

(ert-deftest pen-rpc-test-events-come-in-order ()
  (pen-rpc-test-with nil
    (let ((events (pen-rpc-test-follow (pen-rpc-call-sync "test-story" nil))))
      (should (equal (mapcar #'car events) '(log progress delta delta done)))
      (should (equal (cdr (nth 1 events)) '(:step 1 :steps 2 :loss 0.5 :valid-loss nil)))
      (should (equal (cdar (last events)) '(:reason finished :value (("tokens" 4))))))))

(ert-deftest pen-rpc-test-early-events-are-kept ()
  (pen-rpc-test-with nil
    (let ((id (pen-rpc-call-sync "test-story" nil)))
      (accept-process-output nil 0.2)
      (pen-rpc-call-sync "test-ping" nil)
      (should (equal (mapcar #'car (pen-rpc-test-follow id)) '(log progress delta delta done))))))

(ert-deftest pen-rpc-test-deltas-join-to-the-value ()
  (pen-rpc-test-with nil
    (let ((events (pen-rpc-test-follow (pen-rpc-call-sync "test-count" '(:upto 20000)))))
      (should (equal (mapconcat (lambda (one) (or (plist-get (cdr one) :text) "")) events "")
                     (plist-get (cdar (last events)) :value))))))

(ert-deftest pen-rpc-test-cancel-ends-a-request-once ()
  (pen-rpc-test-with nil
    (let* ((events nil)
           (id (pen-rpc-call-sync "test-polite" nil)))
      (pen-rpc-on-event id (lambda (kind plist) (push (cons kind plist) events)))
      (pen-rpc-test-until events)
      (pen-rpc-cancel id)
      (pen-rpc-cancel id)
      (pen-rpc-test-until (eq (caar events) 'done) 8) ; it is polite for 10
      (pen-rpc-cancel id)
      (pen-rpc-call-sync "test-ping" nil)
      (should (equal (mapcar #'car events) '(done delta)))
      (should (eq (plist-get (cdar events) :reason) 'cancelled))
      (should (equal (plist-get (cdar events) :partial) "so far")))))

(ert-deftest pen-rpc-test-cancel-without-a-service-is-no-error ()
  (should-not (pen-rpc-cancel "req-1"))
  (should-not (pen-rpc-cancel nil)))

(ert-deftest pen-rpc-test-a-callback-that-fails-does-not-stop-the-others ()
  (pen-rpc-test-with nil
    (let* ((kinds nil)
           (id (pen-rpc-call-sync "test-story" nil)))
      (pen-rpc-on-event id (lambda (kind _plist)
                             (push kind kinds)
                             (error "This callback is broken")))
      (pen-rpc-test-until (eq (car kinds) 'done))
      (should (= (length kinds) 5)))))

(ert-deftest pen-rpc-test-a-killed-buffer-cancels-its-request ()
  (pen-rpc-test-with nil
    (let* ((buffer (generate-new-buffer "pen-rpc-test"))
           (seen 0)
           (id (pen-rpc-call-sync "test-count" '(:upto 1000 :pause 0.01))))
      (pen-rpc-on-event id (pen-rpc-in-buffer buffer (lambda (&rest _) (cl-incf seen))))
      (pen-rpc-test-until (> seen 1))
      (kill-buffer buffer)
      (let ((then seen))
        (pen-rpc-test-until (not (gethash id pen-rpc--followed)) 8) ; it counts for 10
        (should (= seen then))))))

(ert-deftest pen-rpc-test-waiting-in-an-event-function-is-an-error ()
  (pen-rpc-test-with nil
    (let* ((message nil)
           (id (pen-rpc-call-sync "test-story" nil)))
      (pen-rpc-on-event id (lambda (kind _plist)
                             (when (eq kind 'done)
                               (setq message (cadr (should-error (pen-rpc-call-sync "test-ping" nil)))))))
      (pen-rpc-test-until message)
      (should (string-match-p "must not wait" message)))))

(ert-deftest pen-rpc-test-large-sends-while-events-flood ()
  (pen-rpc-test-with nil
    (let* ((text (make-string 1500000 ?é)) ; more than the pipe holds: others write meanwhile
           (short "a few words")
           (id (pen-rpc-call-sync "test-count" '(:upto 1000 :pause 0.0001)))
           (done nil) (good 0) (sent 0))
      (pen-rpc-on-event id (lambda (kind _plist)
                             (if (memq kind '(done error))
                                 (setq done kind)
                               (cl-incf sent)
                               (pen-rpc-call "test-echo" (list :text short)
                                             (lambda (value)
                                               (when (equal value short) (cl-incf good)))))))
      (dotimes (_ 3)
        (should (equal (pen-rpc-call-sync "test-echo" (list :text text) 20) text)))
      (pen-rpc-test-until (and done (= good sent)))
      (should (eq done 'done))
      (should (> good 3)))))

(ert-deftest pen-rpc-test-a-gap-becomes-an-error ()
  (let ((events nil))
    (pen-rpc-on-event "req-gap" (lambda (kind plist) (push (cons kind plist) events)))
    (pen-rpc--queue "req-gap" 0 'delta '(:index 0 :text "a"))
    (pen-rpc--queue "req-gap" 2 'delta '(:index 0 :text "c"))
    (pen-rpc--queue "req-gap" 3 'delta '(:index 0 :text "d"))
    (pen-rpc--deliver)
    (should (equal (mapcar #'car (reverse events)) '(delta error)))))

;;;; Stubs

(ert-deftest pen-rpc-test-stubs-check-before-they-send ()
  (let ((parameters '((:name string required) (:n (or integer null)) (:side (member train valid))
                      (:rows (list (record (:text string required)))) (:table (dict number)))))
    (pen-rpc-check-arguments "m" parameters
                             '(:name "x" :n nil :side train :rows [(:text "a")] :table (("k" 1.5))))
    (dolist (bad '((:n 1) (:name 1) (:name "x" :n "1") (:name "x" :other 1) (:name "x" :side other)
                   (:name "x" :rows ((:text 1))) (:name "x" :table (("k" "v"))) (:name "x" :table ((k 1)))))
      (should-error (pen-rpc-check-arguments "m" parameters bad) :type 'wrong-type-argument))))

(ert-deftest pen-rpc-test-invoke-waits-without-then ()
  (pen-rpc-test-with nil
    (should (equal (pen-rpc-invoke "test-echo" '((:text string required)) '(:text "a")) "a"))
    (let ((value nil))
      (pen-rpc-invoke "test-echo" '((:text string required))
                      (list :text "b" :then (lambda (v) (setq value v))))
      (pen-rpc-test-until value)
      (should (equal value "b")))))

(provide 'pen-rpc-test)
;;; pen-rpc-test.el ends here
